package backend

import (
	"net/netip"
	"strconv"
	"sync"
	"time"

	"bascule/internal/config"
	"bascule/internal/events"
)

// An Event is something that the backend's goroutine is told.
type Event interface{ apply(b *Backend) error }

// CheckResult says that an active check of Srv ended. At is where the server
// was when it began: a check of its address before a reload says nothing about
// the server; invalid: where it is.
type CheckResult struct {
	Srv    *Server
	Result Result
	At     netip.AddrPort
}

// SetState is "set server … state".
type SetState struct {
	Srv   *Server
	Order Order
}

// SetWeight is "set server … weight": a number 0 to 256, or a percentage of the
// weight in the file. The error says what is wrong with Text, in HAProxy's
// words.
type SetWeight struct {
	Srv  *Server
	Text string
}

// SetHealth is "set server … health": Running (up), Stopping or Stopped (down).
type SetHealth struct {
	Srv *Server
	Op  Op
}

// SetChecks is "enable health" and "disable health".
type SetChecks struct {
	Srv *Server
	On  bool
}

// Apply takes over a new configuration of the proxy. Servers are compared by
// name: those that stay keep their state, sessions and counters.
//
// Forget drops what was set at run time.
type Apply struct {
	Cfg    *config.Proxy
	Forget bool
}

func (e CheckResult) apply(b *Backend) error {
	if e.At.IsValid() && e.At != e.Srv.Addr() {
		return nil
	}
	b.happen(checked(e.Result), time.Now(), e.Srv)
	return nil
}

func (e SetState) apply(b *Backend) error {
	b.happen(ordered(e.Order), time.Now(), e.Srv)
	return nil
}

func (e SetHealth) apply(b *Backend) error {
	b.happen(pronounced(e.Op), time.Now(), e.Srv)
	return nil
}

func (e SetChecks) apply(b *Backend) error {
	b.happen(checksSet(e.On), time.Now(), e.Srv)
	return nil
}

func (e SetWeight) apply(b *Backend) error {
	w, err := parseWeight(e.Text, e.Srv.State().IWeight, dynamic(b.cfg.Load()))
	if err == nil {
		b.happen(weighed(w), time.Now(), e.Srv)
		b.happened(events.ServerWeight, LevelNotice, e.Srv, "The weight of server "+b.name+"/"+e.Srv.Name+" is "+strconv.Itoa(w)+".")
	}
	return err
}

// maxWeight is the greatest weight of a server (HAProxy: weight).
const maxWeight = 256

// A weightError is HAProxy's answer to a weight that it does not take.
type weightError string

func (e weightError) Error() string { return string(e) }

// parseWeight reads the argument of "set server … weight" for a server whose
// weight in the file is initial. Static algorithms take 0 and 100% only.
func parseWeight(text string, initial int, dynamic bool) (int, error) {
	digits := len(text)
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (i > 0 || c != '-' && c != '+') {
			digits = i
			break
		}
	}
	n, err := strconv.Atoi(text[:digits])
	switch rest := text[digits:]; {
	case digits == 0 || digits == 1 && err != nil:
		return 0, weightError("Empty weight string empty or preceded by garbage")
	case err != nil:
		return 0, weightError("Absolute weight can only be between 0 and 256 inclusive.")
	case rest == "%" && n < 0:
		return 0, weightError("Relative weight must be positive.")
	case rest == "%":
		n = min(initial*min(n, 100*maxWeight)/100, maxWeight)
	case rest != "":
		return 0, weightError("Trailing garbage in weight string")
	case n < 0 || n > maxWeight:
		return 0, weightError("Absolute weight can only be between 0 and 256 inclusive.")
	}
	if n != 0 && n != initial && !dynamic {
		return 0, weightError("Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.")
	}
	return n, nil
}

// A mailbox is what was posted and not applied yet. It is unbounded: checks
// and operators post, at the rate of checks.
type mailbox struct {
	ready chan struct{}
	mu    sync.Mutex // mu guards the fields below.
	posts []posted
	shut  bool
}

type posted struct {
	event Event
	done  chan error
}

func (m *mailbox) init() { m.ready = make(chan struct{}, 1) }

func (m *mailbox) put(p posted) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shut {
		return false
	}
	m.posts = append(m.posts, p)
	select {
	case m.ready <- struct{}{}:
	default:
	}
	return true
}

func (m *mailbox) take() []posted {
	m.mu.Lock()
	defer m.mu.Unlock()
	posts := m.posts
	m.posts = nil
	return posts
}

// close refuses what comes, and what came and was not applied.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shut = true
	for _, p := range m.posts {
		if p.done != nil {
			p.done <- ErrStopped
		}
	}
	m.posts = nil
}

// Do posts an event and does not wait. It never blocks.
func (b *Backend) Do(e Event) { b.mail.put(posted{event: e}) }

// Ask posts an event and waits until it was applied. It must not be called by
// the backend's own goroutine nor by Notify and Shutdown.
func (b *Backend) Ask(e Event) error { return <-b.Tell(e) }

// Tell posts an event without waiting; what becomes of it comes on the channel, once.
// Who has many backends to ask tells them all and then waits: one turn of the scheduler
// instead of one for each, which a busy machine makes milliseconds long.
func (b *Backend) Tell(e Event) <-chan error {
	done := make(chan error, 1)
	if !b.mail.put(posted{e, done}) {
		done <- ErrStopped
	}
	return done
}
