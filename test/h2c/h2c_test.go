package h2c

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/h1"
	"bascule/internal/listener"
	"bascule/internal/logs"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

// start serves HTTP/2 on a free port in front of an HTTP/1 server.
func start(t *testing.T, server http.Handler) (addr string, fe *stream.Frontend) {
	t.Helper()
	srv := httptest.NewServer(server)
	t.Cleanup(srv.Close)
	ap := netip.MustParseAddrPort(srv.Listener.Addr().String())
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	cfg := &config.Proxy{Name: "site", ID: 1, Frontend: true, Backend: true, Mode: config.ModeHTTP, Reuse: config.ReuseAlways,
		Timeouts: config.Timeouts{Connect: time.Minute, Client: time.Minute, Server: time.Minute},
		Servers: []*config.Server{{Name: "s1", ID: 1, Weight: 1, PoolMaxConn: -1, Fall: 3, Rise: 2,
			Addr: config.Address{Host: ap.Addr().String(), IP: ap.Addr(), Port: int(ap.Port())}}}}
	l, err := loop.New(0, log)
	if err != nil {
		t.Fatal(err)
	}
	env := &stream.Env{Loops: 1, Hub: logs.NewHub(nil, 1, logs.Options{Tag: "bascule", PID: 1}), Log: log, Total: backend.NewCounters(1)}
	be := backend.New(cfg, backend.Env{Loops: 1, Log: log, Notify: func(int, string) {}, Shutdown: func(*backend.Server, byte) {}, Rand: func() uint64 { return 4 }})
	fe = stream.NewFrontend("site", env)
	fe.Apply(&stream.Rules{Cfg: cfg, Default: be})
	plane := h1.New(l, env, &config.Global{BufSize: 16384, MaxRewrite: 1024, MaxHeaders: 101})
	ln, err := listener.Open(&config.Bind{Addr: config.Address{Host: "127.0.0.1", IP: netip.MustParseAddr("127.0.0.1")}, UID: -1, GID: -1}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	ln.Serve([]*loop.Loop{l}, func(_ *loop.Loop, fd int, from, to netip.AddrPort) { accept(plane.Carrier(), fe, fd, from, to) }, nil)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { be.Run(ctx) })
	wg.Go(func() { _ = l.Run() })
	t.Cleanup(func() {
		l.Stop()
		cancel()
		wg.Wait()
		_ = ln.Close()
	})
	return ln.Addr().String(), fe
}

func client(t *testing.T) *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: time.Minute}
}

// site echoes uploads, and answers GETs with what was asked.
func site(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/echo":
		_ = http.NewResponseController(w).EnableFullDuplex() // else its reply ends its reading
		_, _ = io.Copy(w, r.Body)
	case "/large":
		_, _ = w.Write(bytes.Repeat([]byte("0123456789abcdef"), 64<<10))
	default:
		fmt.Fprintf(w, "%s %s %s %s", r.Proto, r.Method, r.Host, r.URL.Path)
	}
}

func TestRequestsPassFromHTTP2ToHTTP1(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(site))
	c := client(t)
	get := func(path string) string {
		res, err := c.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.ProtoMajor != 2 {
			t.Fatalf("%s: %v, %s", path, err, res.Proto)
		}
		return string(b)
	}
	if got, want := get("/a"), "HTTP/1.1 GET "+addr+" /a"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := get("/large"); len(got) != 1<<20 {
		t.Errorf("a reply of 1 MiB, larger than every window: %d bytes", len(got))
	}
}

func TestBodiesPassUnderBothWindows(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(site))
	c := client(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			want := bytes.Repeat([]byte{'a' + byte(i)}, 300_000+i)
			res, err := c.Post("http://"+addr+"/echo", "text/plain", struct{ io.Reader }{bytes.NewReader(want)})
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			if got, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(got, want) {
				t.Errorf("stream %d: %d bytes of %d came back, %v", i, len(got), len(want), err)
			}
		})
	}
	wg.Wait()
}

func TestAServerThatDiesIsAnAnsweredOrAResetStream(t *testing.T) {
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/head" {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	}))
	c := client(t)
	res, err := c.Post("http://"+addr+"/none", "text/plain", strings.NewReader("x"))
	if err != nil || res.StatusCode != http.StatusBadGateway {
		t.Errorf("before the reply: %v, %v", res, err)
	} else {
		_ = res.Body.Close()
	}
	res, err = c.Get("http://" + addr + "/head")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("a cut reply looked whole: %q", b)
	}
}

func TestH2load(t *testing.T) {
	addr, fe := start(t, http.HandlerFunc(site))
	out, err := exec.Command("h2load", "-n", "4000", "-c", "4", "-m", "16", "http://"+addr+"/a").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "4000 succeeded, 0 failed, 0 errored") {
		t.Errorf("%v\n%s", err, out)
	}
	// The balancer may hear of the end of a connection after h2load has ended.
	for end := time.Now().Add(time.Minute); fe.Env.Conns.Cur() != 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d connections are still counted", fe.Env.Conns.Cur())
		}
	}
}
