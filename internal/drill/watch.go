package drill

import (
	"context"
	"slices"
	"sync"
	"time"
)

// stateEvery is how often the server states are read: a twentieth of the time of
// detection that is promised, and cheap at some servers.
const stateEvery = 20 * time.Millisecond

// StateChange is a server's state that was seen for the first time.
type StateChange struct {
	Server string
	Status string // as in `show stat`: "UP", "UP 1/3", "DOWN", "MAINT"…
	At     time.Time
}

// Watch follows the states of a backend's servers on a runtime socket, bascule's or
// HAProxy's, to within stateEvery.
type Watch struct {
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	changes []StateChange // guarded by mu
}

// StartWatch follows the servers of a backend until Stop.
func StartWatch(runtime Runtime, backend string) *Watch {
	ctx, stop := context.WithCancel(context.Background())
	w := &Watch{stop: stop, done: make(chan struct{})}
	// Ends by Stop.
	go func() { defer close(w.done); w.run(ctx, runtime, backend) }()
	return w
}

// Stop ends the watch and returns all changes, the states at its start first.
func (w *Watch) Stop() []StateChange {
	w.stop()
	<-w.done
	return w.Changes()
}

// Changes are those until now, in order.
func (w *Watch) Changes() []StateChange {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.changes)
}

func (w *Watch) run(ctx context.Context, runtime Runtime, backend string) {
	poll := time.NewTicker(stateEvery)
	defer poll.Stop()
	last := map[string]string{}
	for {
		if rows, err := runtime.Stat(ctx); err == nil { // a balancer that reloads may not answer
			w.note(rows, backend, last)
		}
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}

func (w *Watch) note(rows []Row, backend string, last map[string]string) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, row := range rows {
		name, status := row["svname"], row["status"]
		if row["pxname"] != backend || name == "BACKEND" || name == "FRONTEND" || last[name] == status {
			continue
		}
		last[name] = status
		w.changes = append(w.changes, StateChange{Server: name, Status: status, At: now})
	}
}

// takes says whether a server with this status gets requests.
func takes(status string) bool { return Row{"status": status}.Up() }

// firstDown is when the first of servers was seen out of rotation since then; zero: never.
func (w *Watch) firstDown(servers []string, since time.Time) time.Time {
	for _, change := range w.Changes() {
		if slices.Contains(servers, change.Server) && !change.At.Before(since) && !takes(change.Status) {
			return change.At
		}
	}
	return time.Time{}
}

// allUp says whether all of servers take requests, and since when after since.
func (w *Watch) allUp(servers []string, since time.Time) (at time.Time, ok bool) {
	up := map[string]StateChange{}
	for _, change := range w.Changes() {
		if takes(change.Status) != takes(up[change.Server].Status) {
			up[change.Server] = change
		}
	}
	for _, name := range servers {
		if !takes(up[name].Status) {
			return at, false
		}
		if up[name].At.After(at) {
			at = up[name].At
		}
	}
	if at.Before(since) {
		at = since
	}
	return at, true
}
