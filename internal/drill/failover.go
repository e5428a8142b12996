package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

const (
	// stateLimit is the acceptance test's: 30 s for what is expected after fall × inter
	// (DOWN, 15 s as deployed) or rise × inter (UP, 10 s).
	stateLimit = 30 * time.Second
	// reconnectLimit is for chat clients whose server has died.
	reconnectLimit = 30 * time.Second
	// settleLimit is for the last messages to be acknowledged and read.
	settleLimit = 15 * time.Second
	// statePoll is how often `show stat` is asked.
	statePoll = 100 * time.Millisecond
	// probes is how many requests each step sends, each on a connection of its own.
	probes = 5
	// failoverPace is how often each chat client of the drill says something.
	failoverPace = 500 * time.Millisecond
	// failoverRoom is how many chat clients share a room.
	failoverRoom = 10
)

// Step is one step of a drill and its outcome.
type Step struct {
	Number  int     `json:"number"`
	Name    string  `json:"name"`
	OK      bool    `json:"ok"`
	Seconds float64 `json:"seconds"`
	Limit   float64 `json:"limit_seconds,omitempty"`
	Figure  string  `json:"figure"`
}

// failover is the deployment's acceptance test while it runs.
type failover struct {
	target        *Target
	load          *Load
	victim, other string
	moving        []*Chat // that were on the victim when it was killed
	broken        bool    // the victim was killed and not started again
}

// Failover runs the five steps of the deployment's acceptance test against t's victim and
// the other server of its backend, with chats clients that talk all the while. report is
// told each step as it ends. It stops at the first step that fails and says whether none
// did; a victim that was killed is started again in any case.
func Failover(ctx context.Context, t *Target, other string, chats int, report func(Step)) bool {
	f := &failover{target: t, victim: t.Victim, other: other}
	defer f.restore(ctx)
	f.load = StartLoad(t.Site, LoadOptions{
		Chats: chats, Rooms: (chats + failoverRoom - 1) / failoverRoom, ChatPace: failoverPace, Seed: 1,
	})
	defer f.load.abandon()
	for _, step := range []struct {
		number int
		name   string
		limit  time.Duration
		run    func(context.Context) (string, error)
	}{
		{0, "both API servers are UP, all chat clients connected", stateLimit, f.allUp},
		{1, "five requests: all 200", 0, f.probe},
		{2, "kill " + f.victim, 0, f.kill},
		{3, f.victim + " is DOWN", stateLimit, f.down},
		{4, "five requests: all 200 by " + f.other, 0, f.probeOther},
		{4, "the chat clients of " + f.victim + " are on " + f.other, reconnectLimit, f.reconnected},
		{5, "start " + f.victim + ", it is UP", stateLimit, f.up},
		{5, "chat: no message lost or doubled", 0, f.verify},
	} {
		begun := time.Now()
		limited, cancel := ctx, context.CancelFunc(func() {})
		if step.limit > 0 {
			limited, cancel = context.WithTimeout(ctx, step.limit)
		}
		figure, err := step.run(limited)
		cancel()
		if err != nil {
			figure = err.Error()
		}
		report(Step{step.number, step.name, err == nil, time.Since(begun).Seconds(), step.limit.Seconds(), figure})
		if err != nil {
			return false
		}
	}
	return true
}

func (f *failover) allUp(ctx context.Context) (string, error) {
	err := f.await(ctx, func() (string, bool) {
		rows, err := f.target.Runtime.Stat(context.WithoutCancel(ctx)) // bounded by itself
		if err != nil {
			return err.Error(), false
		}
		for _, name := range []string{f.victim, f.other} {
			if row := find(rows, f.target.Backend, name); !row.Up() {
				return name + " is " + row["status"], false
			}
		}
		n := f.load.Chatting().Connected
		return fmt.Sprintf("%d of %d chat clients are connected", n, len(f.load.Chats)), n == len(f.load.Chats)
	})
	return fmt.Sprintf("%d chat clients: %d on %s, %d on %s", len(f.load.Chats),
		len(f.on(f.victim)), f.victim, len(f.on(f.other)), f.other), err
}

// on returns the chat clients that are connected to a server.
func (f *failover) on(server string) []*Chat {
	return slices.DeleteFunc(slices.Clone(f.load.Chats), func(c *Chat) bool {
		s := c.Status()
		return !s.Connected || s.Server != server
	})
}

func (f *failover) probe(ctx context.Context) (string, error) {
	figure, _, err := f.ask(ctx)
	return figure, err
}

func (f *failover) probeOther(ctx context.Context) (string, error) {
	figure, by, err := f.ask(ctx)
	if err == nil && by[f.other] < probes {
		err = fmt.Errorf("%s answered fewer than %d requests: %s", f.other, probes, figure)
	}
	return figure, err
}

// ask sends the requests of a step and counts who answered.
func (f *failover) ask(ctx context.Context) (figure string, by map[string]int, err error) {
	by = map[string]int{}
	var longest time.Duration
	for range probes {
		client := NewClient(f.target.Site)
		reply, err := client.Do(ctx, http.MethodGet, "/api/v1/health", "")
		client.Close()
		if err != nil {
			return "", nil, err
		}
		if reply.Status != http.StatusOK {
			return "", nil, fmt.Errorf("%d from %q", reply.Status, reply.Server)
		}
		by[reply.Server]++
		longest = max(longest, reply.Took)
	}
	return fmt.Sprintf("%s %d, %s %d, longest %.1f ms",
		f.victim, by[f.victim], f.other, by[f.other], float64(longest.Microseconds())/1000), by, nil
}

func (f *failover) kill(ctx context.Context) (string, error) {
	f.moving, f.broken = f.on(f.victim), true
	asked := time.Now()
	err := f.target.Server(f.victim).Kill(ctx)
	return fmt.Sprintf("gone after %.1f ms", float64(time.Since(asked).Microseconds())/1000), err
}

// restore starts a victim that a failed step or Ctrl-C left dead.
func (f *failover) restore(ctx context.Context) {
	if f.broken {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stateLimit)
		defer cancel()
		_ = f.target.Server(f.victim).Start(ctx) // the step that failed was reported
	}
}

func (f *failover) down(ctx context.Context) (string, error) {
	var row Row
	err := f.await(ctx, func() (string, bool) {
		rows, err := f.target.Runtime.Stat(context.WithoutCancel(ctx)) // bounded by itself
		if err != nil {
			return err.Error(), false
		}
		row = find(rows, f.target.Backend, f.victim)
		return f.victim + " is " + row["status"], row["status"] == "DOWN"
	})
	return "check " + row["check_status"], err
}

// reconnected waits for the clients that have lost their server.
func (f *failover) reconnected(ctx context.Context) (string, error) {
	err := f.await(ctx, func() (string, bool) {
		n := len(f.on(f.other))
		return fmt.Sprintf("%d of %d are on %s", n, len(f.load.Chats), f.other), n == len(f.load.Chats)
	})
	var longest time.Duration
	for _, chat := range f.moving {
		longest = max(longest, chat.Status().Away)
	}
	return fmt.Sprintf("%d reconnected, longest away %.0f ms", len(f.moving), float64(longest.Microseconds())/1000), err
}

func (f *failover) up(ctx context.Context) (string, error) {
	if err := f.target.Server(f.victim).Start(ctx); err != nil {
		return "", err
	}
	f.broken = false
	var row Row
	err := f.await(ctx, func() (string, bool) {
		rows, err := f.target.Runtime.Stat(context.WithoutCancel(ctx)) // bounded by itself
		if err != nil {
			return err.Error(), false
		}
		row = find(rows, f.target.Backend, f.victim)
		return f.victim + " is " + row["status"], row["status"] == "UP"
	})
	return "check " + row["check_status"], err
}

func (f *failover) verify(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	report, err := f.load.Finish(ctx)
	if err == nil && !report.Clean() {
		err = errors.New(report.Chat.String())
	}
	return report.Chat.String(), err
}

func (f *failover) await(ctx context.Context, done func() (state string, ok bool)) error {
	return f.target.Lab.until(ctx, statePoll, done)
}
