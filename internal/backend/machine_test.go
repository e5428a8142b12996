package backend

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bascule/internal/config"
)

// A machine is a backend under random events, and what a bookkeeper who sees
// only what goes in and out knows of it. No goroutine runs: an event is applied
// where it is drawn, so that a failure shrinks and replays.
type machine struct {
	*rapid.T
	b       *Backend
	cfg     *config.Proxy
	all     []*Server // that there ever were
	held    []*Server // one for each slot that is taken
	waiting []*queued
	before  map[*Server]State
	status  Status
}

// A queued is a stream in a queue, as a Waiter.
type queued struct {
	m   *machine
	srv *Server // nil: any
}

func (q *queued) Granted(s *Server, _ Position) {
	i := slices.Index(q.m.waiting, q)
	if i < 0 {
		q.m.Fatalf("a slot on %s was granted to one that did not wait", s.Name)
	}
	q.m.waiting = slices.Delete(q.m.waiting, i, i+1)
	q.m.took(s, "granted")
}

func newMachine(t *rapid.T) *machine {
	m := &machine{T: t, before: map[*Server]State{}}
	m.cfg = m.drawConfig()
	m.b = New(m.cfg, Env{Loops: 1, Rand: func() uint64 { return rapid.Uint64().Draw(t, "random") }})
	m.status = *m.b.Status()
	return m
}

// drawConfig draws a file: some of the servers s1 to s5, in any order.
func (m *machine) drawConfig() *config.Proxy {
	p := proxy(5, cookies)
	p.Servers = rapid.Permutation(p.Servers).Draw(m.T, "order")[:rapid.IntRange(1, 5).Draw(m.T, "servers")]
	p.Redispatch = rapid.SampledFrom([]int{0, -1, 1}).Draw(m.T, "redispatch")
	p.Persist = rapid.Bool().Draw(m.T, "option persist")
	p.AllBackups = rapid.Bool().Draw(m.T, "allbackups")
	p.Balance.Algorithm = rapid.SampledFrom([]config.Algorithm{config.RoundRobin, config.StaticRR, config.LeastConn, config.First, config.Random}).Draw(m.T, "balance")
	for _, s := range p.Servers {
		s.Check = rapid.IntRange(0, 4).Draw(m.T, "check") > 0
		s.Backup = rapid.IntRange(0, 3).Draw(m.T, "backup") == 0
		s.Rise, s.Fall = rapid.IntRange(1, 3).Draw(m.T, "rise"), rapid.IntRange(1, 3).Draw(m.T, "fall")
		s.MaxConn = rapid.IntRange(0, 3).Draw(m.T, "maxconn")
		s.MaxQueue = rapid.IntRange(0, 3).Draw(m.T, "maxqueue")
		s.Weight = rapid.SampledFrom([]int{0, 1, 1, 10, 256}).Draw(m.T, "weight")
		s.SlowStart = time.Duration(rapid.IntRange(0, 2).Draw(m.T, "slowstart")) * time.Second
	}
	return p
}

func (m *machine) server() *Server { return rapid.SampledFrom(m.b.Servers()).Draw(m.T, "server") }

// took notes a slot and judges whether it might be given.
func (m *machine) took(s *Server, how string) {
	st := s.State()
	if st.Admin.Maint() && !m.cfg.Persist {
		m.Fatalf("%s on %s, which is in maintenance", how, s.Name)
	}
	if st.Removed {
		m.Fatalf("%s on %s, which the file has no more", how, s.Name)
	}
	m.held = append(m.held, s)
	if limit := s.MaxConn(); limit > 0 && s.Cur.Cur() > limit {
		m.Fatalf("%s on %s: %d slots of %d", how, s.Name, s.Cur.Cur(), limit)
	}
}

// pick is a stream that comes, with a cookie or without.
func (m *machine) pick() {
	var a Args
	if rapid.Bool().Draw(m.T, "sticky") {
		a.Cookie = fmt.Appendf(nil, "c%d", rapid.IntRange(1, 6).Draw(m.T, "cookie"))
	}
	c := m.b.Pick(&a)
	switch {
	case c.Srv != nil:
		if !c.Direct && !c.Srv.State().Usable() {
			m.Fatalf("balancing chose %s: %+v", c.Srv.Name, c.Srv.State())
		}
		if c.Direct && !c.Srv.State().Persists() && !m.cfg.Persist {
			m.Fatalf("a cookie led to %s, which is %s", c.Srv.Name, c.Srv.Status())
		}
		if d := c.Srv.State().Drain; d != nil && d.Stage >= LastCall && len(m.b.Snapshot().usable) > 0 {
			m.Fatalf("%s is drained, %s, and was chosen", c.Srv.Name, d.Stage)
		}
		m.took(c.Srv, "picked")
	case c.Full:
		w := &queued{m, c.Wait}
		m.waiting = append(m.waiting, w)
		if _, ok := m.b.Enqueue(c.Wait, w); !ok {
			m.waiting = slices.DeleteFunc(m.waiting, func(o *queued) bool { return o == w })
		}
	default:
		if len(m.b.Snapshot().usable) > 0 {
			m.Fatalf("no server, though %d are usable", len(m.b.Snapshot().usable))
		}
	}
}

func (m *machine) release() {
	if len(m.held) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.held)-1).Draw(m.T, "slot")
	s := m.held[i]
	m.held = slices.Delete(m.held, i, i+1)
	s.Release(0)
}

// giveUp is a stream that waits no longer.
func (m *machine) giveUp() {
	if len(m.waiting) == 0 {
		return
	}
	w := rapid.SampledFrom(m.waiting).Draw(m.T, "waiter")
	if _, ok := m.b.Dequeue(w); !ok {
		m.Fatal("who waits is in no queue")
	}
	m.waiting = slices.DeleteFunc(m.waiting, func(o *queued) bool { return o == w })
}

var allStatuses = []CheckStatus{CheckL4OK, CheckL7OK, CheckL4CON, CheckL4TOUT, CheckL7STS, CheckL7OKC, CheckSOCKERR}

// event is something that the owner is told.
func (m *machine) event() {
	var e Event
	switch s := m.server(); rapid.IntRange(0, 7).Draw(m.T, "event") {
	case 0, 1:
		e = CheckResult{Srv: s, Result: Result{Status: rapid.SampledFrom(allStatuses).Draw(m.T, "result")}}
	case 2:
		e = SetState{s, rapid.SampledFrom([]Order{Ready, Drain, Maint}).Draw(m.T, "state")}
	case 3:
		e = SetWeight{s, rapid.SampledFrom([]string{"0", "1", "256", "50%", "100%", "257", "-1", "x"}).Draw(m.T, "weight")}
	case 4:
		e = SetHealth{s, rapid.SampledFrom([]Op{Stopped, Running, Stopping}).Draw(m.T, "health")}
	case 5:
		e = SetChecks{s, rapid.Bool().Draw(m.T, "checks")}
	case 6:
		e = SetDrain{s, time.Duration(rapid.IntRange(1, 90).Draw(m.T, "deadline")) * time.Second, time.Second}
	default:
		m.cfg = m.drawConfig()
		e = Apply{Cfg: m.cfg}
	}
	_ = e.apply(m.b) // a weight that is refused changes nothing
}

// tick lets a slowstart and drains move on, by more than they take.
func (m *machine) tick() {
	now := time.Now().Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, time.Hour}).Draw(m.T, "later"))
	m.b.step(now)
	m.b.ease(now)
}

// look compares the backend with the books.
func (m *machine) look() {
	for _, s := range m.b.Servers() {
		if !slices.Contains(m.all, s) {
			m.all = append(m.all, s)
		}
	}
	total := 0
	for _, s := range m.all {
		n := 0
		for _, h := range m.held {
			if h == s {
				n++
			}
		}
		if got := s.Cur.Cur(); got != int64(n) {
			m.Fatalf("%s counts %d slots, %d are held", s.Name, got, n)
		}
		total += int(s.Queue.Cur())
		m.lookAt(s)
	}
	if total += int(m.b.Queue.Cur()); total != len(m.waiting) || total != len(m.b.line.where) {
		m.Fatalf("%d are counted in queues, %d are there and %d wait", total, len(m.b.line.where), len(m.waiting))
	}
	m.lookAtAll()
}

// lookAt judges one server: bounds, what only grows, and that nobody waits for
// a slot that is free, or for a server that will not come back for him.
func (m *machine) lookAt(s *Server) {
	st, was := *s.State(), m.before[s]
	m.before[s] = st
	if limit, n := s.MaxConn(), s.Queue.Cur(); n > 0 && st.Persists() && (limit == 0 || s.Cur.Cur() < limit) {
		m.Fatalf("%d wait for %s, which has %d of %d slots taken", n, s.Name, s.Cur.Cur(), limit)
	}
	if s.Queue.Cur() > 0 && !st.Persists() {
		m.Fatalf("%d wait for %s, which is %s", s.Queue.Cur(), s.Name, s.Status())
	}
	switch {
	case st.Health < 0 || st.Health > st.Rise+st.Fall-1:
		m.Fatalf("%s: health %d of %d+%d", s.Name, st.Health, st.Rise, st.Fall)
	case st.UWeight < 0 || st.UWeight > maxWeight || st.EWeight < 0 || st.EWeight > st.UWeight*weightScale:
		m.Fatalf("%s: weight %d, in force %d", s.Name, st.UWeight, st.EWeight)
	case st.Admin.Maint() && st.Op != Stopped:
		m.Fatalf("%s is in maintenance and runs: %+v", s.Name, st)
	case (st.Drain != nil) != (st.Admin&drainMask != 0) && !st.Removed:
		m.Fatalf("%s is drained: %+v, ordered: %x", s.Name, st.Drain, st.Admin)
	case st.Drain != nil && st.Drain.Until.IsZero() != (st.Drain.Stage == Lasting):
		m.Fatalf("%s: a drain %+v", s.Name, st.Drain)
	case st.Downs < was.Downs || st.FailedChecks < was.FailedChecks || st.downtime < was.downtime:
		m.Fatalf("%s: a counter went back from %+v to %+v", s.Name, was, st)
	case was.Op != Stopped && st.Op == Stopped && was.Rise > 0 && st.Downs == was.Downs:
		m.Fatalf("%s went down and nobody counted it", s.Name)
	}
}

// lookAtAll judges what all pick from.
func (m *machine) lookAtAll() {
	sn := m.b.Snapshot()
	var active, backups []string
	for _, s := range sn.Servers {
		switch {
		case !s.State().Usable():
		case s.Config().Backup:
			backups = append(backups, s.Name)
		default:
			active = append(active, s.Name)
		}
	}
	want := active
	if len(active) == 0 && len(backups) > 0 {
		if want = backups; !m.cfg.AllBackups {
			want = backups[:1]
		}
	}
	var got []string
	for _, s := range sn.Usable() {
		got = append(got, s.Name)
		if limit := s.MaxConn(); m.b.Queue.Cur() > 0 && (limit == 0 || s.Cur.Cur() < limit) {
			m.Fatalf("%d wait for any server, and %s has %d of %d slots taken", m.b.Queue.Cur(), s.Name, s.Cur.Cur(), limit)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		m.Fatalf("balancing uses %v, the states say %v", got, want)
	}
	st := *m.b.Status()
	if st.Up != sn.Up() || st.Downs < m.status.Downs {
		m.Fatalf("the backend is up: %t, with %d usable servers; downs %d after %d", st.Up, len(got), st.Downs, m.status.Downs)
	}
	m.status = st
}

// settle says the same of every server for so long that nothing can change any
// more, and judges after how many checks each was in that state: not before
// and not after what the file says.
func (m *machine) settle(s CheckStatus, op Op, after func(*State) int) {
	for _, srv := range m.b.Servers() {
		st := srv.State()
		want, turned := after(st), 0
		for i := 1; i <= st.Rise+st.Fall+1; i++ {
			was := srv.State().Op == Stopped
			_ = CheckResult{Srv: srv, Result: Result{Status: s}}.apply(m.b)
			if now := srv.State().Op == Stopped; now != was && turned == 0 {
				turned = i
			}
			m.look()
		}
		if st.Check.Enabled && turned != want {
			m.Fatalf("%s turned with check %d, want %d: from %+v", srv.Name, turned, want, st)
		}
	}
	m.b.step(time.Now().Add(time.Hour))
	m.look()
	for _, srv := range m.b.Servers() {
		want := op
		st := srv.State()
		if !st.Check.Enabled {
			want = Running
		}
		if st.Op != want || st.Admin != 0 {
			m.Fatalf("%s after the same check again and again: %+v", srv.Name, st)
		}
	}
}

func never(*State) int        { return 0 }
func fallen(st *State) int    { return st.Fall }
func recovered(st *State) int { return st.Rise }

// Whatever happened, the states become what constant checks imply, and every
// slot comes back.
func (m *machine) converge() {
	for _, s := range m.b.Servers() {
		_ = SetChecks{s, true}.apply(m.b)
		_ = SetState{s, Ready}.apply(m.b)
		_ = SetHealth{s, Running}.apply(m.b)
	}
	m.look()
	m.settle(CheckL7OK, Running, never)
	m.settle(CheckL4CON, Stopped, fallen)
	m.settle(CheckL7OK, Running, recovered)
	for len(m.held) > 0 {
		s := m.held[len(m.held)-1]
		m.held = m.held[:len(m.held)-1]
		s.Release(0)
		m.look()
	}
	var stuck []string
	for _, w := range m.waiting {
		stuck = append(stuck, fmt.Sprintf("%+v", w.srv))
	}
	if len(stuck) > 0 && len(m.b.Snapshot().usable) > 0 {
		m.Fatalf("all slots are free, and these wait: %s", strings.Join(stuck, ", "))
	}
}

// Whatever comes in whatever order, slots and queues are as the books say,
// nobody gets what he must not, and constant checks lead to constant states.
func TestABackendUnderRandomEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1, 2:
				m.pick()
			case 3, 4:
				m.release()
			case 5:
				m.giveUp()
			case 6:
				m.tick()
			default:
				m.event()
			}
			m.look()
		}
		m.converge()
	})
}
