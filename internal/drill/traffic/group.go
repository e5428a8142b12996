package traffic

import (
	"strings"
	"sync"
	"time"
)

// group is a bounded set of connections that share cookies: all that send one kind of
// request, or those of one user. A request takes the connection that was used last, a
// new one when all are busy, and waits when there are as many as there may be.
type group struct {
	run *Run
	max int
	jar *jar // nil: no cookies

	mu      sync.Mutex
	idle    []*worker // guarded by mu, as all below
	conns   int
	waiting []task
	ended   bool
}

// task is one request that is due.
type task struct {
	kind   Kind
	number uint32
	track  uint16
	user   uint16
	part   uint16 // of the track, or which content
	due    time.Duration
}

// worker is one connection with its goroutine.
type worker struct {
	group *group
	conn  conn
	tasks chan task
	text  []byte // the head under way
}

// hand gives a request to the group; it does not block.
func (g *group) hand(t task) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case len(g.idle) > 0:
		w := g.idle[len(g.idle)-1]
		g.idle = g.idle[:len(g.idle)-1]
		w.tasks <- t
	case g.conns < g.max:
		g.conns++
		w := &worker{group: g, conn: conn{site: g.run.site}, tasks: make(chan task, 1)}
		w.tasks <- t
		// Ends by end, when its requests are done.
		g.run.workers.Go(w.run)
	case len(g.waiting) < maxWaiting:
		g.waiting = append(g.waiting, t)
	default:
		g.run.note(g.run.refused(t))
	}
}

// next gives a worker its next task, or lets it wait for one.
func (g *group) next(w *worker) (task, bool) {
	g.mu.Lock()
	if len(g.waiting) > 0 {
		t := g.waiting[0]
		g.waiting = g.waiting[1:]
		g.mu.Unlock()
		return t, true
	}
	if g.ended {
		g.mu.Unlock()
		return task{}, false
	}
	g.idle = append(g.idle, w)
	g.mu.Unlock()
	t, ok := <-w.tasks
	return t, ok
}

// end lets the workers finish what is due and go.
func (g *group) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	for _, w := range g.idle {
		close(w.tasks)
	}
	g.idle = nil
}

// run serves the task that the worker was made for, and then what comes.
func (w *worker) run() {
	defer w.conn.close()
	for t, ok := <-w.tasks; ok; t, ok = w.group.next(w) {
		w.group.run.note(w.do(t))
	}
}

// do sends one request and says what became of it.
func (w *worker) do(t task) Record {
	run := w.group.run
	rec := Record{Kind: t.kind, Number: t.number, Track: t.track, User: t.user, Due: t.due, Sent: run.now()}
	if rec.Sent-rec.Due > Patience {
		rec.Outcome, rec.Ended, rec.What = Lost, rec.Sent, "waited for a connection in vain"
		return rec
	}
	head, body, method := w.request(t)
	a := answer{}
	if w.group.jar != nil {
		a.cookie = w.group.jar.keep
	}
	err := w.conn.do(head, body, method, run.begun.Add(t.due+Patience), &a)
	rec.Ended, rec.Status, rec.Server = run.now(), uint16(a.status), run.server(a.server)
	rec.Outcome, rec.What = judge(t, &a, err)
	return rec
}

// jar keeps the cookies of one user.
type jar struct {
	mu    sync.Mutex
	names []string // guarded by mu, as all below
	pairs []string // the value of each name
	line  string   // as the Cookie field has it
}

func (j *jar) keep(name, value []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, have := range j.names {
		if have == string(name) {
			if j.pairs[i] != string(value) {
				j.pairs[i] = string(value)
				j.write()
			}
			return
		}
	}
	j.names, j.pairs = append(j.names, string(name)), append(j.pairs, string(value))
	j.write()
}

func (j *jar) write() {
	var b strings.Builder
	for i, name := range j.names {
		if j.pairs[i] == "" {
			continue // taken back
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(name + "=" + j.pairs[i])
	}
	j.line = b.String()
}

func (j *jar) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.line
}

// now is the time since the start of the run.
func (r *Run) now() time.Duration { return time.Since(r.begun) }
