package sim

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"bascule/internal/loop"
	"bascule/internal/rule"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// A user sends one request after the other over one connection, with the cookie
// that he was given.
type user struct {
	w      *world
	info   stream.Client
	cookie string
	left   int // requests to send
}

// load lets users begin.
func (w *world) load() {
	most := 6
	if w.rush {
		most = 30
	}
	for i := range 2 + w.IntN(most) {
		u := &user{w: w, left: 2 + w.IntN(12)}
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 1024)
		u.info = w.car.NewClient(from, from, nil)
		w.users = append(w.users, u)
		w.after(w.between(0, troubleLasts/2), u.next)
	}
}

// next sends the user's next request.
func (u *user) next() {
	w := u.w
	if u.left--; u.left < 0 {
		return
	}
	r := w.judge.newRequest(u)
	r.method = pick(w.Rand, "GET", "GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "PUT", "DELETE", "PATCH")
	r.keyed = r.method == "POST" && w.chance(2)
	if r.method == "POST" || r.method == "PUT" || r.method == "PATCH" {
		r.size = pick(w.Rand, 0, 10, 1000, 5000, 20000, 64<<10, largest)
	}
	if !w.chance(10) {
		r.cookie = u.cookie
	}
	f := &front{w: w, r: r, left: r.size, slow: w.chance(15)}
	f.timer = w.loop.Timer(func() {
		if f.s != nil {
			f.s.ClientTimeout()
		}
	})
	if w.chance(20) {
		w.after(w.between(0, time.Second), f.leaves)
	}
	f.send()
}

// A front is the client's end of one request: the Front of a stream.
type front struct {
	w     *world
	r     *request
	s     *stream.Stream // nil once it is over
	timer *loop.Timer
	left  int // bytes of the body that have not come
	came  int // that have, and were not passed on
	ended bool
	slow  bool // takes what is sent in small portions
	stuck bool
	sent  int64
	took  int64
}

func (f *front) send() {
	r, w := f.r, f.w
	b := new(strings.Builder)
	fmt.Fprintf(b, "%s /%d HTTP/1.1\r\nHost: site\r\nX-Id: %d\r\n", r.method, r.id%7, r.id)
	if r.keyed {
		fmt.Fprintf(b, "Idempotency-Key: k%d\r\n", r.id)
	}
	if r.cookie != "" {
		fmt.Fprintf(b, "Cookie: SRV=%s\r\n", r.cookie)
	}
	switch {
	case r.size > 0 && w.chance(3):
		b.WriteString("Transfer-Encoding: chunked\r\n")
	case r.size > 0 || r.method == "POST":
		fmt.Fprintf(b, "Content-Length: %d\r\n", r.size)
	}
	b.WriteString("\r\n")
	var req wire.Request
	if req.Parse([]byte(b.String()), nil) != wire.Done {
		panic("a client's head does not parse: " + b.String())
	}
	w.plant.disguise(&req)
	w.tell("%v comes: %s of %d bytes, cookie %q", r, r.method, r.size, r.cookie)
	f.took = int64(req.Size())
	if w.chance(2) { // in one packet with the head
		f.came, f.left = f.left, 0
	}
	w.car.Begin(f, w.fe, &req, &r.user.info, w.loop.Now())
	if f.s != nil && f.left > 0 {
		w.after(w.hop(), f.more)
	}
}

// more is another piece of the body.
func (f *front) more() {
	if f.s == nil || f.left == 0 {
		return
	}
	n := min(f.left, 1+f.w.IntN(20000))
	f.left -= n
	f.came += n
	f.Pump()
	if f.s != nil {
		f.s.FlushBack()
	}
	if f.left > 0 {
		f.w.after(f.w.between(0, 30*time.Millisecond), f.more)
	}
}

// upload is what all bodies begin with; no piece of it looks like another.
var upload = func() (b []byte) {
	for i := range largest {
		b = append(b, byte(i)^byte(i>>8)*3^byte(i>>16))
	}
	return b
}()

// largest is the size of the largest body.
const largest = 90000

// Pump passes on what has come of the body.
func (f *front) Pump() {
	for f.s != nil && f.came > 0 && f.s.WantsBody() {
		n := min(f.came, f.s.Room())
		if n == 0 {
			return
		}
		at := f.r.size - f.left - f.came
		f.came -= n
		f.took += int64(n)
		f.s.FromBody(upload[at : at+n])
	}
	if f.s != nil && f.r.size > 0 && f.came == 0 && f.left == 0 && !f.ended && f.s.WantsBody() {
		f.ended = true
		f.s.FromEnd(nil)
	}
}

// leaves is a client that does not wait any longer.
func (f *front) leaves() {
	if f.s != nil {
		f.w.tell("the client of %v leaves", f.r)
		f.r.left = true
		f.s.ClientGone()
	}
}

// Carry gives the front its stream.
func (f *front) Carry(s *stream.Stream) { f.s = s }

// WriteHead is the head of a reply, interim or final.
func (f *front) WriteHead(rep *wire.Reply) {
	if rep.Status < 200 {
		return
	}
	f.w.judge.headed(f.r, rep.Status, headerOf(rep, "X-Server"))
	if v := headerOf(rep, "Set-Cookie"); v != "" {
		v, _, _ = strings.Cut(strings.TrimPrefix(v, "SRV="), ";")
		f.r.user.cookie = v
	}
}

func headerOf(rep *wire.Reply, name string) string {
	if i := rep.Find([]byte(name), 0); i >= 0 {
		return string(rep.Value(&rep.Fields[i]))
	}
	return ""
}

// WriteData is a piece of the reply's body.
func (f *front) WriteData(p []byte) {
	f.sent += int64(len(p))
	f.w.judge.got(f.r, p)
	if f.slow && !f.stuck {
		f.stuck = true
		f.w.after(f.w.between(0, 100*time.Millisecond), func() {
			f.stuck = false
			if f.s != nil {
				f.s.ClientWritable()
			}
		})
	}
}

// WriteEnd is the end of the reply's body.
func (f *front) WriteEnd([]byte) { f.w.judge.ended(f.r) }

// WriteAnswer is an answer made by bascule.
func (f *front) WriteAnswer(a *rule.Answer) { f.w.judge.headed(f.r, a.Status, "") }

// Flush sends what is under way.
func (f *front) Flush() {}

// Blocked says that the client takes no more for now.
func (f *front) Blocked() bool { return f.stuck }

// Tunnel and CloseWrite are never ordered: no request asks for a tunnel.
func (f *front) Tunnel(bool) { panic("a tunnel that nobody asked for") }

// CloseWrite is like Tunnel.
func (f *front) CloseWrite() { panic("the end of a tunnel that there is not") }

// Done ends the stream.
func (f *front) Done(whole bool) {
	w, u := f.w, f.r.user
	f.s = nil
	w.loop.StopTimer(f.timer)
	w.judge.done(f.r, whole)
	if w.plant == answersTwice && whole && w.chance(10) {
		w.judge.headed(f.r, 200, "")
	}
	w.forget(f.r)
	u.info.Requests++
	if !whole {
		u.info.Requests = 0
	}
	w.after(w.between(0, 300*time.Millisecond), u.next)
}

// TLS is nil: the players speak in clear.
func (f *front) TLS() *tls.Conn { return nil }

// SetDeadline bounds the next step of the client.
func (f *front) SetDeadline(d time.Duration) {
	if d <= 0 {
		f.w.loop.StopTimer(f.timer)
		return
	}
	f.w.loop.SetTimer(f.timer, d)
}

// Sent counts the bytes given to the client, Received those of the request.
func (f *front) Sent() int64 { return f.sent }

// Received counts the bytes of the request.
func (f *front) Received() int64 { return f.took }
