package h1_test

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

var stressSeed = flag.Uint64("h1.seed", 0, "seed of the stress test; 0: another each time")

const (
	// stressFor is how long clients go on opening connections.
	stressFor = 3 * time.Second
	// stressClients are more than the servers' slots, so that some queue.
	stressClients = 24
	stressSlots   = 7
	// stressBody is more than the sockets and the buffers of a loop take at once.
	stressBody = 600 << 10
)

// pattern is the content that belongs to a request: every byte depends on its name.
func pattern(name string, n int) []byte {
	return bytes.Repeat([]byte(name+"."), n/(len(name)+1)+1)[:n]
}

// A deed is how the server treats a request; good ones end in a whole reply.
type deed struct {
	name string
	good bool
}

var deeds = []deed{
	{"length", true}, {"chunked", true}, {"pieces", true}, {"untilclose", true}, {"last", true}, {"idle", true},
	{"hints", true}, {"nothing", true}, {"notmodified", true}, {"early", true}, {"stray", true},
	{"hangup", false}, {"half", false}, {"reset", false}, {"garbage", false}, {"badchunk", false},
}

// stressServer does what the target of each request says: /deed/name/size.
func stressServer(r *bufio.Reader, c net.Conn) {
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		f := strings.Split(req.URL.Path, "/")
		size, _ := strconv.Atoi(f[3])
		body := pattern(f[2], size)
		verdict := "early"
		if f[1] != "early" {
			b, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			verdict = "whole"
			if want, _ := strconv.Atoi(req.Header.Get("X-Size")); !bytes.Equal(b, pattern(f[2], want)) {
				verdict = "spoilt"
			}
		}
		if req.Method == "HEAD" {
			body = nil
		}
		goesOn := answer(c, f[1], fmt.Sprintf("X-Name: %s\r\nX-Body: %s\r\n", f[2], verdict), body, size)
		if _, err := io.Copy(io.Discard, req.Body); err != nil || !goesOn {
			return
		}
		if f[1] == "tunnel" {
			_, _ = io.Copy(c, r)
			return
		}
	}
}

// answer writes one reply and says whether the connection goes on.
func answer(c net.Conn, deed, fields string, body []byte, size int) bool {
	say := func(s string, b ...[]byte) bool {
		_, err := io.WriteString(c, s)
		for _, p := range b {
			if err == nil {
				_, err = c.Write(p)
			}
		}
		return err == nil
	}
	length := fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n", fields, size)
	chunked := "HTTP/1.1 200 OK\r\n" + fields + "Transfer-Encoding: chunked\r\n\r\n"
	switch deed {
	case "hints":
		return say("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n") && say(length, body)
	case "nothing":
		return say("HTTP/1.1 204 No Content\r\n" + fields + "\r\n")
	case "notmodified":
		return say(fmt.Sprintf("HTTP/1.1 304 Not Modified\r\n%sContent-Length: %d\r\n\r\n", fields, size))
	case "chunked", "pieces", "badchunk":
		if !say(chunked) {
			return false
		}
		if body == nil {
			return true
		}
		for step := 1 + len(body)/7; len(body) > 0; body = body[min(step, len(body)):] {
			p := body[:min(step, len(body))]
			if !say(fmt.Sprintf("%x\r\n", len(p)), p) || !say("\r\n") {
				return false
			}
			if deed == "badchunk" {
				return say("nonsense\r\n") && false
			}
			if deed == "pieces" {
				runtime.Gosched()
			}
		}
		return say("0\r\n\r\n")
	case "untilclose":
		return say("HTTP/1.1 200 OK\r\n"+fields+"Connection: close\r\n\r\n", body) && false
	case "last":
		return say("HTTP/1.1 200 OK\r\nConnection: close\r\n"+fields+fmt.Sprintf("Content-Length: %d\r\n\r\n", size), body) && false
	case "idle": // closes the connection that the proxy keeps
		return say(length, body) && false
	case "stray": // says a word too much, which is nobody's reply
		return say(length+string(body)+"HTTP/1.1 200 OK\r\nX-Name: stray\r\nContent-Length: 0\r\n\r\n") && false
	case "hangup":
		return false
	case "half":
		return say(length, body[:len(body)/2]) && false
	case "reset":
		say(length, body[:len(body)/2])
		_ = c.(*net.TCPConn).SetLinger(0)
		return false
	case "garbage":
		return say("nonsense\r\n\r\n") && false
	case "tunnel":
		return say("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n" + fields + "\r\n")
	}
	return say(length, body)
}

// An errand is one request of a client.
type errand struct {
	deed
	method, name string
	size, up     int
	chunked      bool
}

func (e *errand) bytes() []byte {
	var b bytes.Buffer
	body := pattern(e.name, e.up)
	if e.deed.name == "tunnel" {
		body = nil // what goes through it comes behind
	}
	fmt.Fprintf(&b, "%s /%s/%s/%d HTTP/1.1\r\nHost: a\r\nX-Size: %d\r\n", e.method, e.deed.name, e.name, e.size, len(body))
	switch {
	case e.deed.name == "tunnel":
		b.WriteString("Connection: upgrade\r\nUpgrade: echo\r\n\r\n")
	case e.method != "POST":
		b.WriteString("\r\n")
	case e.chunked:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		for len(body) > 0 {
			n := min(len(body), 1+e.up/3)
			fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
			body = body[n:]
		}
		b.WriteString("0\r\n\r\n")
	default:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", e.up)
	}
	b.Write(body)
	return b.Bytes()
}

// repeatable says that the request is sent again if a kept connection was dead.
func (e *errand) repeatable() bool { return e.method != "POST" && e.deed.name != "tunnel" }

// plan makes the requests of one connection.
func plan(rnd *rand.Rand, who, turn int) []errand {
	size := func() int {
		switch rnd.IntN(8) {
		case 0:
			return rnd.IntN(stressBody)
		case 1:
			return 0
		}
		return rnd.IntN(6000)
	}
	list := make([]errand, 1+rnd.IntN(6))
	for i := range list {
		e := &list[i]
		e.name = fmt.Sprintf("c%dt%dr%d", who, turn, i)
		e.deed, e.method, e.size = deeds[rnd.IntN(len(deeds))], "GET", size()
		if rnd.IntN(3) == 0 {
			e.deed = deeds[0]
		}
		if e.deed.name == "stray" {
			e.size %= 6000 // one segment: nobody can tell a later one from the next reply
		}
		switch rnd.IntN(6) {
		case 0, 1:
			e.method, e.up, e.chunked = "POST", size(), rnd.IntN(2) == 0
		case 2:
			if e.deed.name == "length" || e.deed.name == "chunked" {
				e.method = "HEAD"
			}
		}
	}
	if rnd.IntN(5) == 0 {
		list[len(list)-1] = errand{deed: deed{"tunnel", true}, method: "GET", name: list[len(list)-1].name, up: size()}
	}
	return list
}

// A visit is one connection of a client.
type visit struct {
	t     *testing.T
	list  []errand
	c     *net.TCPConn
	r     *bufio.Reader
	abort bool // leaves before it has all
}

func (v *visit) run(rnd *rand.Rand) {
	var all []byte
	for i := range v.list {
		all = append(all, v.list[i].bytes()...)
	}
	last := &v.list[len(v.list)-1]
	if last.deed.name == "tunnel" {
		all = append(all, pattern(last.name, last.up)...)
	}
	stop, half := len(all), rnd.IntN(2) == 0
	if v.abort = rnd.IntN(4) == 0; v.abort {
		stop = rnd.IntN(len(all) + 1)
	}
	step := 1 + rnd.IntN(len(all))
	if rnd.IntN(2) == 0 {
		step = 1 + rnd.IntN(min(len(all), 500))
	}
	var sent sync.WaitGroup
	sent.Go(func() {
		for p := all[:stop]; len(p) > 0; step += step / 8 {
			n := min(step, len(p))
			if _, err := v.c.Write(p[:n]); err != nil {
				return
			}
			p = p[n:]
		}
		if half || v.abort || last.deed.name == "tunnel" {
			_ = v.c.CloseWrite()
		}
	})
	if v.abort && rnd.IntN(2) == 0 {
		sent.Wait()
		_ = v.c.SetLinger(rnd.IntN(2) - 1)
		_ = v.c.Close()
		return
	}
	for i := range v.list {
		if !v.reply(&v.list[i]) {
			break
		}
	}
	_ = v.c.Close()
	sent.Wait()
}

// reply reads and judges one reply, and says whether the connection goes on.
func (v *visit) reply(e *errand) bool {
	res, err := v.final(e.method)
	if err != nil {
		if !v.abort && e.good {
			v.t.Errorf("%s %s of %s: no reply: %v", e.method, e.deed.name, e.name, err)
		}
		return false
	}
	defer res.Body.Close()
	if res.Header.Get("X-Name") == "" { // the proxy's own word
		if !v.abort && e.good && !(res.StatusCode == 502 && !e.repeatable()) {
			v.t.Errorf("%s %s of %s: %s", e.method, e.deed.name, e.name, res.Status)
		}
		_, err := io.Copy(io.Discard, res.Body)
		return err == nil && !res.Close
	}
	if n := res.Header.Get("X-Name"); n != e.name || res.Header.Get("X-Body") == "spoilt" {
		v.t.Errorf("%s %s of %s: got the reply of %s, its request %s", e.method, e.deed.name, e.name, n, res.Header.Get("X-Body"))
		return false
	}
	if res.StatusCode == 101 {
		b, err := io.ReadAll(v.r)
		if want := pattern(e.name, e.up); !v.abort && (err != nil || !bytes.Equal(b, want)) {
			v.t.Errorf("tunnel of %s: %d bytes came back, %v; want %d", e.name, len(b), err, len(want))
		}
		return false
	}
	b, err := io.ReadAll(res.Body)
	want := pattern(e.name, e.size)
	if e.method == "HEAD" || res.StatusCode != 200 {
		want = nil
	}
	switch {
	case !bytes.HasPrefix(want, b), err == nil && len(b) < len(want):
		v.t.Errorf("%s %s of %s: %d bytes that are not its %d, %v", e.method, e.deed.name, e.name, len(b), len(want), err)
	case err != nil && e.good && !v.abort:
		v.t.Errorf("%s %s of %s: %d of %d bytes: %v", e.method, e.deed.name, e.name, len(b), len(want), err)
	}
	return err == nil && !res.Close
}

// final reads replies up to one that is not interim.
func (v *visit) final(method string) (*http.Response, error) {
	for {
		res, err := http.ReadResponse(v.r, &http.Request{Method: method})
		if err != nil || res.StatusCode == 101 || res.StatusCode >= 200 {
			return res, err
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestManyClientsAndServersThatDoWhatTheyLike(t *testing.T) {
	seed := *stressSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-h1.seed=%d", seed)
	goroutines, fds := runtime.NumGoroutine(), descriptors(t)
	for loops, name := range map[int]string{2: "every reply is that of its request", 4: "and with four loops that take each other's connections"} {
		t.Run(name, func(t *testing.T) { stress(t, seed, loops) })
	}
	until(t, "the end of all goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
	until(t, "the end of all descriptors", func() bool { return descriptors(t) <= fds })
}

func stress(t *testing.T, seed uint64, loops int) {
	limit := time.Minute
	cfg := &config.Proxy{Retries: 3, Redispatch: -1, Reuse: config.ReuseAlways, BufferRequest: seed%2 == 0,
		Timeouts: config.Timeouts{Connect: limit, Client: limit, Server: limit}}
	p := start(t, cfg, loops, serve(t, stressServer), serve(t, stressServer))
	slots := *cfg
	slots.Servers = nil
	for _, s := range cfg.Servers {
		few := *s
		few.MaxConn = stressSlots
		slots.Servers = append(slots.Servers, &few)
	}
	if err := p.be.Ask(backend.Apply{Cfg: &slots}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	end := time.Now().Add(stressFor)
	for who := range stressClients {
		rnd := rand.New(rand.NewPCG(seed, uint64(who)))
		wg.Go(func() {
			for turn := 0; time.Now().Before(end) && !t.Failed(); turn++ {
				c, err := net.Dial("tcp", p.addr)
				if err != nil {
					t.Error(err)
					return
				}
				_ = c.SetDeadline(time.Now().Add(2 * limit))
				v := &visit{t: t, list: plan(rnd, who, turn), c: c.(*net.TCPConn), r: bufio.NewReaderSize(c, 1+rnd.IntN(8000))}
				v.run(rnd)
			}
		})
	}
	wg.Wait()
	t.Logf("%d requests, %d connections reused, %d waited", p.fe.Counters.Sum(backend.Requests), p.be.Counters.Sum(backend.Reuses), p.be.Queue.Max())
	atRest(t, p)
}

// atRest says that nothing is left when all clients have gone.
func atRest(t *testing.T, p *proxy) {
	t.Helper()
	left := func() error {
		var errs []error
		count := func(what string, n int64) {
			if n != 0 {
				errs = append(errs, fmt.Errorf("%s: %d", what, n))
			}
		}
		count("client connections", p.fe.Cur.Cur())
		count("client connections of the process", p.fe.Env.Conns.Cur())
		count("streams", p.be.Cur.Cur())
		count("waiting", p.be.Queue.Cur())
		for _, s := range p.be.Servers() {
			count("slots of "+s.Name, s.Cur.Cur())
			count("waiting for "+s.Name, s.Queue.Cur())
			count("idle connections of "+s.Name, s.IdleConns.Load())
		}
		for i, l := range p.loops {
			count("connections of a loop", l.Stats.Conns.Load())
			count("panics of a loop", l.Panics())
			live := make(chan int, 1)
			l.Post(func() { live <- p.planes[i].Carrier().Live() + p.planes[i].Fronts() })
			count("streams and fronts of a loop", int64(<-live))
		}
		return errors.Join(errs...)
	}
	for i, l := range p.loops {
		l.Post(p.planes[i].SoftStop) // closes the idle connections to servers
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		err := left()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
