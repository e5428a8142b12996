package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bascule/internal/backend"
	"bascule/internal/stream"
)

// A judge keeps the books of what clients sent and got and of what servers
// executed, and compares them with the rules of replay. It knows the file and
// the truth about the servers, and nothing of the code that decides.
type judge struct {
	w         *world
	requests  []*request
	byUser    map[*stream.Client]*request
	open      int
	found     []string
	downs     map[*backend.Server]int64
	tries     int
	fast      map[*backend.Server]int64     // times that fast-detect took it out
	out       map[*backend.Server]time.Time // the last one
	replays   int64                         // of requests that a server may have taken
	peak      int64                         // requests at one server at once, or that came in a second
	came      []time.Time                   // the tries of the last second
	elsewhere int                           // requests that another server was asked for an error
	rows      map[*backend.Server]int       // server errors without another reply between them
	refused   int64                         // replays that the budget has refused, at the last look
}

// A request is one of a client.
type request struct {
	id     int
	user   *user
	method string
	keyed  bool
	cookie string
	size   int // of its body

	tries  []*try
	bodies []string // of replies that servers made
	runs   []string // the servers that executed it

	status int    // that the client was told
	from   string // the server whose reply it is, "" if bascule made it
	begun  bool
	body   strings.Builder
	hasEnd bool
	over   bool
	left   bool // the client did
}

func (r *request) String() string { return fmt.Sprintf("#%d", r.id) }

// A try is one attempt to let a server answer a request.
type try struct {
	r         *request
	srv       *backend.Server
	fresh     bool
	reused    bool // on a connection that had carried another request
	connected bool
	sent      bool
	acked     bool // the server's kernel has bytes of it
	took      bool // the server has read of it
	how       how
	status    int // of the reply's head, 0: none came
	row       int // server errors in a row of its server then, with this one
	ended     time.Time
}

// A how is the way that a try ended.
type how byte

const (
	running  how = iota
	refusal      // of the connect
	ownFault     // no descriptor
	silence      // a timeout
	death        // a reset
	goodbye      // a FIN
	nonsense     // not HTTP
	abort        // by the balancer
	reply
)

func (h how) String() string {
	return [...]string{"running", "refused", "no descriptor", "silent", "reset", "ended", "garbage", "aborted", "replied"}[h]
}

// close notes how the try ended; the first word counts.
func (t *try) close(h how) {
	if t.how == running {
		t.how, t.ended = h, time.Now()
		t.r.user.w.tell("%v: try %d on %s: %v", t.r, len(t.r.tries), t.srv.Name, h)
	}
}

func (j *judge) begin() {
	j.fast, j.out = map[*backend.Server]int64{}, map[*backend.Server]time.Time{}
	j.rows = map[*backend.Server]int{}
	j.byUser, j.downs = map[*stream.Client]*request{}, map[*backend.Server]int64{}
}

// fault is a violation of what is promised.
func (j *judge) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	j.w.tell("FAULT: %s", text)
	if len(j.found) < 20 {
		j.found = append(j.found, text)
	}
}

func (j *judge) newRequest(u *user) *request {
	r := &request{id: len(j.requests), user: u}
	j.requests = append(j.requests, r)
	j.byUser[&u.info] = r
	j.open++
	return r
}

func (w *world) requestOf(c *stream.Client) *request { return w.judge.byUser[c] }

func (w *world) byID(id string) *request {
	var n int
	if _, err := fmt.Sscan(id, &n); err != nil {
		panic("a request without its number: " + id)
	}
	return w.judge.requests[n]
}

// safe and idempotent are RFC 9110's words.
func (r *request) safe() bool { return r.method == "GET" || r.method == "HEAD" }

func (r *request) idempotent() bool { return r.safe() || r.method == "PUT" || r.method == "DELETE" }

// unsent says that it is proved that the server took nothing: no connection
// came about, or it said goodbye and its kernel has acknowledged nothing.
func (t *try) unsent() bool {
	return !t.sent || t.how == goodbye && !t.acked
}

// race says that a kept connection was closed by a server that lives.
func (t *try) race() bool { return t.reused && t.sent && (t.how == goodbye || t.how == death) }

// replayable says whether the rules let a request be tried again after t.
func (j *judge) replayable(t *try) bool {
	r := t.r
	repeats := r.idempotent() || r.keyed && j.w.setup.keyed
	switch {
	case !t.sent:
		return true
	case j.w.setup.never:
		return false
	case t.unsent():
		return true
	case t.status != 0: // an error that another server may be asked about
		return repeats && t.status == 500 && !j.w.setup.passErrors
	case t.how == death || t.how == goodbye || t.how == nonsense || t.how == abort:
		return repeats
	case t.how == silence:
		return r.safe() || repeats && j.w.setup.onSilence
	}
	return false
}

// tried notes a try, and judges whether it may be.
func (j *judge) tried(r *request, srv *backend.Server, fresh bool) *try {
	t := &try{r: r, srv: srv, fresh: fresh}
	st := srv.State()
	switch {
	case r.begun:
		j.fault("%v is tried again after its reply has begun", r)
	case r.over:
		j.fault("%v is tried again after its end", r)
	case st.Admin.Maint() && !j.alreadyAt(r, srv):
		j.fault("%v goes to %s, which is in maintenance", r, srv.Name)
	}
	for i, p := range r.tries {
		switch {
		case p.how == running:
			j.fault("%v has two servers at once", r)
		case !j.replayable(p):
			j.fault("%v, a %s, is sent again after try %d on %s: %v", r, r.method, i+1, p.srv.Name, p.how)
		case p.status != 0 && i == len(r.tries)-1 && !j.doubtful(r, p):
			j.fault("%v is asked elsewhere, behind %d errors in a row of %s", r, p.row, p.srv.Name)
		case p.sent && !p.race() && !p.unsent() && p.srv == srv && !j.bound(r):
			j.fault("%v goes to %s again, which has failed it: %v", r, srv.Name, p.how)
		}
	}
	if n := len(r.tries); n > 0 && r.tries[n-1].sent && !r.tries[n-1].unsent() {
		j.replayed()
	}
	r.tries = append(r.tries, t)
	j.tries++
	j.arrived(srv)
	return t
}

// doubtful says whether a request may be asked elsewhere for the error that was
// the answer to p: once, behind some errors in a row of that server, and away from
// the server of its cookie only with redispatch and behind more.
func (j *judge) doubtful(r *request, p *try) bool {
	own := j.w.setup.sticky && r.cookie == p.srv.Cookie()
	least := 3
	if own && r.tries[0].srv == p.srv {
		least = 5
	}
	erred := 0
	for _, t := range r.tries {
		if t.status != 0 {
			erred++
		}
	}
	j.elsewhere++
	return erred == 1 && p.row >= least && !(own && j.bound(r))
}

// headCame notes the status of a server's reply.
func (j *judge) headCame(t *try, status int) {
	if status < 500 {
		j.rows[t.srv] = 0
	} else {
		j.rows[t.srv]++
	}
	if status >= 200 {
		t.status, t.row = status, j.rows[t.srv]
	}
}

// arrived notes a try, for the budget.
func (j *judge) arrived(srv *backend.Server) {
	for len(j.came) > 0 && time.Since(j.came[0]) > time.Second {
		j.came = j.came[1:]
	}
	j.came = append(j.came, time.Now())
	j.peak = max(j.peak, srv.Cur.Max(), int64(len(j.came)))
}

// replayed counts a request that is sent again though a server may have taken
// it: one of five that came, and as many at once as a server has at once, or as
// come in a second.
func (j *judge) replayed() {
	j.replays++
	if most := int64(len(j.requests))/5 + max(j.peak, leastBurst) + 1; j.replays > most {
		j.fault("%d requests were sent again of %d, with %d at one server at once or in a second at most", j.replays, len(j.requests), j.peak)
	}
}

// leastBurst is how many requests may be sent again in any case.
const leastBurst = 10

// budget says that the request was refused by the budget, which must not be for
// want of what it has at least.
func (j *judge) budget(t *try) bool {
	refused := j.w.be.Counters.Sum(backend.ReplaysRefused)
	if refused == j.refused {
		return false
	}
	j.refused = refused
	if j.replays < t.srv.Cur.Cur() {
		j.fault("%v is refused a replay after %d", t.r, j.replays)
	}
	return true
}

// counted are the tries that count as retries: all but races.
func (j *judge) counted(r *request) (n int) {
	for _, t := range r.tries {
		if !t.race() {
			n++
		}
	}
	return n
}

// alreadyAt says that the request was at that server before it was taken out:
// a retry of a connect goes there again.
func (j *judge) alreadyAt(r *request, srv *backend.Server) bool {
	return slices.ContainsFunc(r.tries, func(t *try) bool { return t.srv == srv })
}

func (j *judge) sent(t *try) {
	t.sent = true
	sent := 0
	for _, p := range t.r.tries {
		if p.sent && !p.race() {
			sent++
		}
	}
	if sent > 1+j.w.setup.retries {
		j.fault("%v is sent %d times with %d retries", t.r, sent, j.w.setup.retries)
	}
	if t.r.begun {
		j.fault("%v is sent after its reply has begun", t.r)
	}
}

// uploaded is a piece of a request's body at a server.
func (j *judge) uploaded(at *reception, h *host, p string) {
	if at.came+len(p) > at.r.size || string(upload[at.came:at.came+len(p)]) != p {
		j.fault("%v comes to %s with other bytes than the client sent, from %d on", at.r, h.name, at.came)
	}
	at.came += len(p)
}

func (j *judge) uploadEnds(at *reception, h *host) {
	if at.came != at.r.size {
		j.fault("%v comes to %s with %d bytes of %d", at.r, h.name, at.came, at.r.size)
	}
}

// executed notes that a server did what the request asks for.
func (j *judge) executed(r *request, t *try, h *host) {
	j.w.tell("%s executes %v, a %s", h.name, r, r.method)
	if len(r.runs) > 0 && !r.idempotent() && !(r.keyed && j.w.setup.keyed) {
		j.fault("%v, a %s, is executed by %s, and was by %v", r, r.method, h.name, r.runs)
	}
	r.runs = append(r.runs, h.name)
}

// headed is the head of a reply that the client gets.
func (j *judge) headed(r *request, status int, from string) {
	j.w.tell("%v is answered: %d of %q", r, status, from)
	if r.begun || r.over {
		j.fault("%v is answered twice: %d of %q, and now %d of %q", r, r.status, r.from, status, from)
		return
	}
	r.begun, r.status, r.from = true, status, from
}

func (j *judge) got(r *request, p []byte) {
	if !r.begun || r.over || r.hasEnd {
		j.fault("%v gets bytes that belong to no reply", r)
	}
	r.body.Write(p)
}

func (j *judge) ended(r *request) {
	if r.hasEnd {
		j.fault("the reply to %v ends twice", r)
	}
	r.hasEnd = true
}

// done is the end of a request; whole: its reply is complete, as the client sees it.
func (j *judge) done(r *request, whole bool) {
	j.w.tell("%v is over, whole: %t", r, whole)
	if r.over {
		j.fault("%v ends twice", r)
		return
	}
	r.over = true
	j.open--
	switch {
	case whole && !r.begun:
		j.fault("%v ends as if complete and nobody has answered", r)
	case whole && r.from != "" && r.method != "HEAD" && !slices.Contains(r.bodies, r.body.String()):
		j.fault("%v ends as if complete: got %d bytes of %s, which none of its servers has sent so", r, r.body.Len(), r.from)
	case r.from == "" && !r.left:
		j.judgeLoss(r)
	}
}

// judgeLoss judges a request that no server has answered.
func (j *judge) judgeLoss(r *request) {
	if len(r.tries) == 0 || j.w.setup.never || r.status != 502 && r.status != 503 && r.status != 504 {
		return
	}
	t := r.tries[len(r.tries)-1]
	if time.Since(t.ended) >= j.w.setup.queue {
		return // it has waited for a slot for as long as it may
	}
	if !j.replayable(t) || t.how == abort || t.how == ownFault || j.counted(r) > j.w.setup.retries || j.w.setup.retries == 0 {
		return
	}
	if t.sent && r.size > j.w.setup.keep || j.budget(t) {
		return
	}
	if other := j.other(r); other != "" {
		j.fault("%v, a %s, is lost with %d after try %d (%v), and %s could have answered", r, r.method, r.status, len(r.tries), t.how, other)
	}
}

// other is a server that lives, is usable and has not failed the request yet;
// "": there is none, or the client's cookie binds it to one.
func (j *judge) other(r *request) string {
	if j.bound(r) {
		return ""
	}
	for _, s := range j.w.be.Snapshot().Usable() {
		h := j.w.hosts[int(s.Addr().Port())-port(0)]
		if most := s.Config().MaxQueue; most > 0 && s.Queue.Cur() >= int64(most) {
			continue // it takes no more
		}
		if !j.alreadyAt(r, s) && h.up && !h.frozen && !h.cut && !h.deaf {
			return s.Name
		}
	}
	return ""
}

// bound says that the request has a valid cookie and may not leave its server.
func (j *judge) bound(r *request) bool {
	if !j.w.setup.sticky || r.cookie == "" || j.w.setup.redispatch {
		return false
	}
	for _, s := range j.w.be.Servers() {
		if s.Cookie() == r.cookie {
			return s.State().Persists()
		}
	}
	return false
}

// look judges what must hold at any instant.
func (j *judge) look() {
	for _, s := range j.w.be.Servers() {
		st := s.State()
		if s.Cur.Cur() < 0 || s.Queue.Cur() < 0 {
			j.fault("%s has %d slots taken and %d streams waiting", s.Name, s.Cur.Cur(), s.Queue.Cur())
		}
		if st.Downs < j.downs[s] {
			j.fault("%s was down %d times, and %d before", s.Name, st.Downs, j.downs[s])
		}
		j.downs[s] = st.Downs
		if n := s.Counters.Sum(backend.FastDowns); n > j.fast[s] {
			j.fast[s] = n
			j.felled(s)
		}
	}
}

// felled judges a server that evidence of traffic took out: not the last one,
// and not more than half within ten seconds.
func (j *judge) felled(s *backend.Server) {
	j.w.tell("%s was felled by fast-detect", s.Name)
	if s.State().Admin.Drain() {
		return // it was not usable
	}
	j.out[s] = time.Now()
	usable, out, all := 0, 0, len(j.w.be.Servers())
	for _, o := range j.w.be.Servers() {
		if o.State().Usable() {
			usable++
		}
		if fell, known := j.out[o]; known && time.Since(fell) < 10*time.Second {
			out++
		}
	}
	if usable == 0 {
		j.fault("fast-detect has felled %s, the last usable server", s.Name)
	}
	if out > max(1, all/2) {
		j.fault("fast-detect has felled %d of %d servers within 10 s", out, all)
	}
}

// atTheEnd judges a fleet that is well again and has nothing to do.
func (j *judge) atTheEnd() {
	w := j.w
	for _, r := range j.requests {
		if !r.over {
			j.fault("%v has not ended", r)
		}
	}
	if n := w.car.Live(); n > 0 {
		j.fault("%d streams live", n)
	}
	for _, s := range w.be.Servers() {
		if n := s.Cur.Cur(); n != 0 {
			j.fault("%s has %d slots taken", s.Name, n)
		}
		if n := s.Queue.Cur(); n != 0 {
			j.fault("%d wait for %s", n, s.Name)
		}
		if st := s.State(); st.Op != backend.Running || st.Admin != 0 {
			j.fault("%s is %s, %v after all was mended", s.Name, s.Status(), time.Since(w.begun)-troubleLasts)
		}
	}
	if w.be.Cur.Cur() != 0 || w.be.Queue.Cur() != 0 {
		j.fault("the backend has %d streams, %d wait", w.be.Cur.Cur(), w.be.Queue.Cur())
	}
	if n := w.car.Env.Kept.Load(); n != 0 {
		j.fault("%d bytes of bodies are kept", n)
	}
}

// body is what a server answers.
func (w *world) body(r *request, server string) string {
	n := pick(w.Rand, 0, 1, 10, 10, 300, 300, 20000, 50000)
	return strings.Repeat(fmt.Sprintf("%s/%d ", server, r.id), n/6)
}
