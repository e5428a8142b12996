package engine

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A moody server answers requests and checks alike, in its mood: "" well; reset
// behind the request; frozen, it takes connections and says nothing; lies, it
// answers checks and resets the others; dead, it is not there.
type moody struct {
	addr string
	mu   sync.Mutex // mu guards the fields below.
	mood string
	l    net.Listener
	open map[net.Conn]bool
	all  sync.WaitGroup
}

func newMoody(t *testing.T) *moody {
	m := &moody{addr: freeAddr(t), open: map[net.Conn]bool{}}
	m.set(t, "")
	t.Cleanup(func() { m.set(t, "dead"); m.all.Wait() })
	return m
}

func (m *moody) set(t *testing.T, mood string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mood = mood
	if mood == "dead" && m.l != nil {
		m.l.Close()
		m.l = nil
	}
	if mood == "dead" || mood == "" { // it begins anew
		for c := range m.open {
			c.Close()
		}
	}
	if mood != "dead" && m.l == nil {
		l, err := net.Listen("tcp", m.addr)
		if err != nil {
			t.Fatal(err)
		}
		m.l = l
		m.all.Go(func() { // ends with the listener
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				m.mu.Lock()
				m.open[c] = true
				m.mu.Unlock()
				m.all.Go(func() { m.serve(c) }) // ends with the connection
			}
		})
	}
}

func (m *moody) now() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mood
}

func (m *moody) serve(c net.Conn) {
	defer func() {
		c.Close()
		m.mu.Lock()
		delete(m.open, c)
		m.mu.Unlock()
	}()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		switch mood := m.now(); {
		case mood == "frozen":
			io.Copy(io.Discard, c) // until it is closed
			return
		case mood == "reset", mood == "lies" && r.URL.Path != "/health":
			c.(*net.TCPConn).SetLinger(0)
			return
		}
		if _, err := io.WriteString(c, reply("well")); err != nil {
			return
		}
	}
}

const detectText = `
global
    stats socket $DIR/sock mode 600 level admin
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend fe
    bind $BIND
    default_backend be
backend be
    no option flap-damping # it breaks one server again and again
    option redispatch
    option httpchk GET /health
    server s1 $S1 check inter 60s fastinter 60s downinter 60s init-state fully-up
    server s2 $S2 check inter 60s fastinter 60s downinter 60s init-state fully-up
`

// of and count are columns of a server of the backend be.
func (b *balancer) of(server, column string) string {
	return rows(ask(b.t, b.socket, "show stat\n"))["be/"+server][column]
}

func (b *balancer) count(server, column string) int {
	n, err := strconv.Atoi(b.of(server, column))
	if err != nil {
		b.t.Error(err)
	}
	return n
}

// upUnlessChecksFail wants a server up whose checks have not failed since there were
// so many failures: on a machine that stands still for seconds one may.
func (b *balancer) upUnlessChecksFail(server string, fails int) {
	b.t.Helper()
	if got := b.of(server, "status"); !strings.HasPrefix(got, "UP") && b.count(server, "chkfail") == fails {
		b.t.Errorf("%s, whose checks pass, is %s", server, got)
	}
}

// TestTrafficFindsWhatChecksWouldFindMuchLater: checks come once a minute.
func TestTrafficFindsWhatChecksWouldFindMuchLater(t *testing.T) {
	s1, s2, bind := newMoody(t), newMoody(t), freeAddr(t)
	b := run(t, strings.NewReplacer("$BIND", bind, "$S1", s1.addr, "$S2", s2.addr).Replace(detectText))
	stop := make(chan struct{})
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() { // ends with stop
			c := &http.Client{Timeout: time.Second, Transport: &http.Transport{}}
			defer c.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if r, err := c.Get("http://" + bind + "/"); err == nil {
					io.Copy(io.Discard, r.Body)
					r.Body.Close()
				}
				time.Sleep(time.Millisecond) // a user's pace, not a wait
			}
		})
	}
	defer users.Wait()
	defer close(stop)
	status := func(s string) string { return b.of(s, "status") }
	up := func() bool { return status("s1") == "UP" && status("s2") == "UP" }
	eventually(t, "both are up", up)
	for _, mood := range []string{"dead", "reset", "frozen"} {
		s1.set(t, mood)
		begin := time.Now()
		eventually(t, mood+": s1 is down", func() bool { return status("s1") == "DOWN" })
		t.Logf("%s: DOWN after %v", mood, time.Since(begin))
		s1.set(t, "")
		begin = time.Now()
		eventually(t, mood+": s1 is up again", up)
		t.Logf("%s: UP after %v", mood, time.Since(begin))
	}
	fails := b.count("s1", "chkfail")
	s1.set(t, "lies")
	blamed := b.count("s1", "blamed")
	eventually(t, "its traffic speaks against s1", func() bool { return b.count("s1", "blamed") > blamed+20 })
	b.upUnlessChecksFail("s1", fails)
	s1.set(t, "")
	s1.set(t, "dead")
	s2.set(t, "dead")
	eventually(t, "one is down and the other spared", func() bool {
		return b.count("s1", "spared_last")+b.count("s2", "spared_last") > 0 && (status("s1") == "DOWN") != (status("s2") == "DOWN")
	})
}
