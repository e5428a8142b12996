package check

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// A stage is the servers of a test, in virtual time: it dials for the checks
// and notes when.
type stage struct {
	mu    sync.Mutex
	act   map[string]string // by address: ok, refuse, silent, late 1s, drop (no answer to the connect), full (out of descriptors), or a reply
	at    map[string][]time.Duration
	start time.Time
	all   sync.WaitGroup
}

func newStage() *stage {
	return &stage{act: map[string]string{}, at: map[string][]time.Duration{}, start: time.Now()}
}

func (s *stage) set(addr, act string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.act[addr] = act
}

// times are the moments at which addr was dialled, since the start.
func (s *stage) times(addr string) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Duration(nil), s.at[addr]...)
}

func (s *stage) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	s.mu.Lock()
	act := s.act[addr]
	s.at[addr] = append(s.at[addr], time.Since(s.start))
	s.mu.Unlock()
	fail := func(err error) (net.Conn, error) { return nil, &net.OpError{Op: "dial", Net: network, Err: err} }
	switch act {
	case "refuse":
		return fail(syscall.ECONNREFUSED)
	case "full":
		return fail(syscall.EMFILE)
	case "forbidden":
		return fail(syscall.EACCES)
	case "drop":
		<-ctx.Done()
		return fail(ctx.Err())
	case "", "ok":
		act = good
	}
	here, there := net.Pipe()
	s.all.Go(func() { // ends when the check closes its side
		defer there.Close()
		buf := make([]byte, 4096)
		n, err := there.Read(buf)
		if err != nil || n == 0 {
			return
		}
		if late, ok := strings.CutPrefix(act, "late "); ok {
			d, _ := time.ParseDuration(late)
			time.Sleep(d)
			act = good
		}
		if act != "silent" {
			there.Write([]byte(act))
		}
		there.Read(buf)
	})
	return here, nil
}

const good = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

const s1, s2, s3 = "127.0.0.1:8001", "127.0.0.1:8002", "127.0.0.1:8003"

// proxy is a backend of checked servers on ports 8001, 8002, …
func proxy(servers int, edit ...func(*config.Proxy)) *config.Proxy {
	p := &config.Proxy{Name: "be", Backend: true, Mode: config.ModeHTTP}
	p.Check = config.Check{Kind: config.CheckHTTP, Steps: []config.CheckStep{
		{Connect: &config.CheckDial{Default: true}}, {Request: &config.CheckRequest{}},
		{Expect: &config.Expect{Kind: "status", Ranges: [][2]int{{200, 399}}, MinRecv: -1}}}}
	for i := range servers {
		p.Servers = append(p.Servers, &config.Server{Name: "s" + string(rune('1'+i)), ID: i + 1, Weight: 1, Check: true,
			Rise: 2, Fall: 3, Inter: 5 * time.Second,
			Addr: config.Address{IP: netip.MustParseAddr("127.0.0.1"), Port: 8001 + i}})
	}
	for _, e := range edit {
		e(p)
	}
	return p
}

// play runs backend and checks of p on the stage; they end with the test.
func play(t *testing.T, s *stage, p *config.Proxy, env Env) (*backend.Backend, *Checker) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b := backend.New(p, backend.Env{Loops: 1})
	var owner sync.WaitGroup
	owner.Go(func() { b.Run(ctx) }) // ends with the test
	env.Dial = s.dial
	c := New(ctx, env)
	c.Apply([]*backend.Backend{b})
	t.Cleanup(func() {
		cancel()
		c.Wait()
		owner.Wait()
		s.all.Wait()
	})
	return b, c
}

func ask(t *testing.T, b *backend.Backend, e backend.Event) {
	t.Helper()
	if err := b.Ask(e); err != nil && !errors.Is(err, backend.ErrStopped) {
		t.Fatal(err)
	}
}
