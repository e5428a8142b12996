package h1_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"bascule/internal/backend"
)

// A mortal is a fleet of servers that die at random, and counts what they did.
type mortal struct {
	mu   sync.Mutex
	rnd  *rand.Rand     // guarded by mu
	done map[string]int // requests read whole, by name; guarded by mu
	torn []string       // those that were not what their client had sent; guarded by mu
}

func (m *mortal) draw(n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rnd.IntN(n)
}

// The deaths, in the order of a request's life.
const (
	diesIdle = iota
	diesAtHead
	diesInBody
	diesUnanswered
	diesInReplyHead
	diesInReply
	deathKinds
	answersEarly = deathKinds     // no death: the reply's head comes in front of the body
	lives        = 3 * deathKinds // draws of which only those above are a death
)

// serve answers with what it was sent, as long as it lives.
func (m *mortal) serve(r *bufio.Reader, c net.Conn) {
	for {
		fate, hard := m.draw(lives), m.draw(2) == 0
		die := func() {
			if hard {
				reset(c)
			}
		}
		if fate == diesIdle && m.draw(3) == 0 {
			return
		}
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if fate == diesAtHead {
			die()
			return
		}
		if req.Header.Get("Expect") != "" {
			_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		if fate == diesInBody {
			_, _ = io.CopyN(io.Discard, req.Body, int64(m.draw(1+int(max(req.ContentLength, 5000)))))
			die()
			return
		}
		name, size := req.Header.Get("X-Name"), req.Header.Get("X-Size")
		reply := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nX-Name: %s\r\nContent-Length: %s\r\n\r\n", name, size)
		if fate == answersEarly {
			_, _ = c.Write(reply)
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		m.mu.Lock()
		if m.done[name]++; size != strconv.Itoa(len(body)) || !bytes.Equal(body, pattern(name, len(body))) {
			m.torn = append(m.torn, name)
		}
		m.mu.Unlock()
		whole := append(reply, body...)
		if fate == answersEarly {
			whole = body
		}
		switch fate {
		case diesUnanswered:
			die()
			return
		case diesInReplyHead:
			_, _ = c.Write(whole[:m.draw(len(reply))])
			die()
			return
		case diesInReply:
			_, _ = c.Write(whole[:m.draw(len(whole))])
			die()
			return
		}
		if _, err := c.Write(whole); err != nil {
			return
		}
	}
}

// A verdict is what became of a request.
type verdict struct{ whole, failed, cut int }

// patron is one client that asks as long as it is to go on, and leaves in the middle
// now and then.
func patron(t *testing.T, addr string, rnd *rand.Rand, who int, goOn func() bool, v *verdict) {
	for turn := 0; goOn() && !t.Failed(); turn++ {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Error(err)
			return
		}
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		r := bufio.NewReader(c)
		for i := range 1 + rnd.IntN(8) {
			if !errandOf(t, c, r, rnd, fmt.Sprintf("c%dt%dr%d", who, turn, i), v) {
				break
			}
		}
		_ = c.Close()
	}
}

// errandOf sends one request and judges its reply; it says whether the connection
// goes on.
func errandOf(t *testing.T, c net.Conn, r *bufio.Reader, rnd *rand.Rand, name string, v *verdict) bool {
	method := []string{"GET", "PUT", "PUT", "POST", "DELETE"}[rnd.IntN(5)]
	name = method + name
	var body []byte
	if method == "PUT" || method == "POST" {
		body = pattern(name, rnd.IntN(100<<rnd.IntN(12)))
	}
	b := fmt.Appendf(nil, "%s / HTTP/1.1\r\nHost: a\r\nX-Name: %s\r\nX-Size: %d\r\n", method, name, len(body))
	switch {
	case method != "PUT" && method != "POST":
		b = append(b, "\r\n"...)
	case rnd.IntN(2) == 0:
		if rnd.IntN(3) == 0 {
			b = append(b, "Expect: 100-continue\r\n"...)
		}
		b = append(fmt.Appendf(b, "Content-Length: %d\r\n\r\n", len(body)), body...)
	default:
		b = append(b, "Transfer-Encoding: chunked\r\n\r\n"...)
		for p := body; len(p) > 0; {
			n := min(len(p), 1+rnd.IntN(70000))
			b, p = fmt.Appendf(b, "%x\r\n%s\r\n", n, p[:n]), p[n:]
		}
		b = append(b, "0\r\n\r\n"...)
	}
	if rnd.IntN(20) == 0 { // the client leaves
		_, _ = c.Write(b[:rnd.IntN(len(b))])
		return false
	}
	sent := make(chan struct{})
	go func() { // ends when all is written, or the connection is closed
		defer close(sent)
		for step := 1 + rnd.IntN(len(b)); len(b) > 0; {
			n := min(step, len(b))
			if _, err := c.Write(b[:n]); err != nil {
				return
			}
			b = b[n:]
			runtime.Gosched()
		}
	}()
	res, hundreds, err := final(r, method)
	if hundreds > 1 {
		t.Errorf("%s: %d times 100", name, hundreds)
	}
	if err != nil {
		_ = c.Close()
		<-sent
		v.cut++
		return false
	}
	got, err := io.ReadAll(res.Body)
	if err != nil || res.Close {
		_ = c.Close()
	}
	<-sent
	switch {
	case res.StatusCode >= 500:
		v.failed++
	case res.StatusCode != 200 || res.Header.Get("X-Name") != name || !bytes.HasPrefix(body, got):
		t.Errorf("%s %s of %d bytes: %s for %q with %d bytes that are not its own", method, name, len(body), res.Status, res.Header.Get("X-Name"), len(got))
	case err != nil:
		v.cut++
	case len(got) < len(body):
		t.Errorf("%s %s: %d of %d bytes ended as if complete", method, name, len(got), len(body))
	default:
		v.whole++
	}
	return err == nil && !res.Close
}

// final reads replies up to one that is not interim, and counts the 100s.
func final(r *bufio.Reader, method string) (res *http.Response, hundreds int, err error) {
	for {
		res, err = http.ReadResponse(r, &http.Request{Method: method})
		if err != nil || res.StatusCode >= 200 {
			return res, hundreds, err
		}
		if res.StatusCode == 100 {
			hundreds++
		}
	}
}

func TestAfterRandomDeathsNothingIsLeft(t *testing.T) {
	seed := *stressSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-h1.seed=%d", seed)
	for _, loops := range []int{1, 3} {
		t.Run(strconv.Itoa(loops)+" loops", func(t *testing.T) {
			m := &mortal{rnd: rand.New(rand.NewPCG(seed, 99)), done: map[string]int{}}
			cfg := moving()
			cfg.BufferRequest = seed%3 == 0
			p := start(t, cfg, loops, serve(t, m.serve), serve(t, m.serve), serve(t, m.serve))
			again := func() int64 { return p.be.Counters.Sum(backend.Retries) + p.be.Counters.Sum(backend.Redispatches) }
			begun := time.Now()
			goOn := func() bool { // on a slow machine, until there is something to judge
				passed := time.Since(begun)
				return passed < deathFor || passed < time.Minute && (again() == 0 || p.be.Counters.Sum(backend.Reply2xx) == 0)
			}
			var wg sync.WaitGroup
			var verdicts [12]verdict
			for who := range verdicts {
				rnd := rand.New(rand.NewPCG(seed, uint64(who)))
				wg.Go(func() { patron(t, p.addr, rnd, who, goOn, &verdicts[who]) })
			}
			wg.Wait()
			var all verdict
			for _, v := range verdicts {
				all.whole, all.failed, all.cut = all.whole+v.whole, all.failed+v.failed, all.cut+v.cut
			}
			t.Logf("%+v, %d connections to servers, %d retries, %d redispatches", all, p.be.Counters.Sum(backend.Connects), p.be.Counters.Sum(backend.Retries), p.be.Counters.Sum(backend.Redispatches))
			if all.whole == 0 || again() == 0 {
				t.Error("nothing was tried again, so that nothing is proven")
			}
			nothingKept(t, p)
			m.mu.Lock()
			defer m.mu.Unlock()
			if len(m.torn) > 0 {
				t.Errorf("servers took what their clients had not sent for %v", m.torn)
			}
			for name, n := range m.done {
				if n > 1 && strings.HasPrefix(name, "POST") {
					t.Errorf("%s was done %d times", name, n)
				}
			}
		})
	}
}

// deathFor is how long clients go on at least.
const deathFor = time.Second
