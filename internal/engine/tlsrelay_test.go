package engine

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
)

// A relay speaks TLS in front of a server in the clear.
type relay struct {
	addr string
	mu   sync.Mutex             // guards the field below
	open map[*tls.Conn]net.Conn // to the server
}

func relayTo(t *testing.T, m *certtest.Maker, to string) *relay {
	t.Helper()
	pem := m.Both("web.test")
	pair, err := tls.X509KeyPair(pem, pem)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: ln.Addr().String(), open: map[*tls.Conn]net.Conn{}}
	t.Cleanup(func() { _ = ln.Close(); r.cut() })
	go func() { // until the listener is closed
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go r.carry(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}}), to) // until both ends have ended
		}
	}()
	return r
}

func (r *relay) carry(c *tls.Conn, to string) {
	defer c.Close()
	s, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer s.Close()
	r.mu.Lock()
	r.open[c] = s
	r.mu.Unlock()
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(s, c)
		_ = s.(*net.TCPConn).CloseWrite()
	})
	_, _ = io.Copy(c, s)
	_ = c.CloseWrite()
	up.Wait()
	r.mu.Lock()
	delete(r.open, c)
	r.mu.Unlock()
}

// cut ends all connections in order, as a server ends idle ones; kill by a reset.
func (r *relay) cut() { r.each(func(c *tls.Conn) { _ = c.Close() }) }

func (r *relay) kill() {
	r.each(func(c *tls.Conn) {
		_ = c.NetConn().(*net.TCPConn).SetLinger(0)
		_ = c.NetConn().Close()
	})
}

func (r *relay) each(f func(*tls.Conn)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c, s := range r.open {
		f(c)
		_ = s.Close()
	}
	clear(r.open)
}

func TestWebSocketsGoToServersOverTLS(t *testing.T) {
	m, h := certtest.New(t), newHall(t)
	b := tlsBackendIn(t, m, "  server s "+relayTo(t, m, h.addr()).addr+" ssl ca-file $DIR/ca.pem\n")
	c := join(t, b.addr, "/", nil)
	for range 3 {
		chatted(t, c)
	}
}

func TestModeTCPOverTLS(t *testing.T) {
	m, addr, dir := certtest.New(t), freeAddr(t), shortDir(t)
	(&tlsSite{balancer: &balancer{dir: dir}, t: t}).write("ca.pem", m.Authority())
	runIn(t, dir, tcpText(addr, "", relayTo(t, m, upper(t)).addr+" ssl ca-file $DIR/ca.pem"))
	want := strings.Repeat("0123456789abcdef", 1<<16)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	go func() { // ends when all is written or the connection closed
		_, _ = io.WriteString(c, want)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	if got, err := io.ReadAll(c); err != nil || string(got) != strings.ToUpper(want)+"bye" {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want)+3)
	}
}

func TestAServerThatEndsItsIdleConnectionsCostsNoWrite(t *testing.T) {
	var executed atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		executed.Add(1)
	}))
	t.Cleanup(srv.Close)
	m := certtest.New(t)
	r := relayTo(t, m, srv.Listener.Addr().String())
	b := tlsBackendIn(t, m, "  http-reuse always\n  server s "+r.addr+" ssl ca-file $DIR/ca.pem\n")
	client := &http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	const rounds = 20
	for i := range rounds {
		resp, err := client.Post("http://"+b.addr+"/", "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("request %d: %d", i, resp.StatusCode)
		}
		r.cut()
	}
	if n := executed.Load(); n != rounds {
		t.Errorf("%d requests were executed, want %d", n, rounds)
	}
}

func TestAServerKilledInTheMiddleOfAReplyOverTLS(t *testing.T) {
	half, stop := make(chan struct{}, 1), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "2000000")
		_, _ = w.Write(make([]byte, 1_000_000))
		w.(http.Flusher).Flush()
		half <- struct{}{}
		<-stop
	}))
	t.Cleanup(srv.Close)
	defer close(stop)
	m := certtest.New(t)
	r := relayTo(t, m, srv.Listener.Addr().String())
	b := tlsBackendIn(t, m, "  server s "+r.addr+" ssl ca-file $DIR/ca.pem\n")
	client := &http.Client{Timeout: patience}
	resp, err := client.Get("http://" + b.addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	<-half
	r.kill()
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("what was cut ended as if it were whole")
	}
}

func TestAHandshakeThatFailsIsTriedElsewhere(t *testing.T) {
	m := certtest.New(t)
	good := serveTLS(t, m.Both("web.test"), nil)
	stranger := serveTLS(t, certtest.New(t).Both("web.test"), nil)
	for name, bad := range map[string]string{"not TLS": echoServer(t), "not trusted": stranger.addr, "silent": silent(t)} {
		b := tlsBackendIn(t, m, fmt.Sprintf("  option redispatch\n  timeout connect 5s\n  server bad %s ssl ca-file $DIR/ca.pem\n  server good %s ssl ca-file $DIR/ca.pem\n", bad, good.addr))
		for range 2 { // round robin: one of them begins with the bad one
			resp, err := http.Post("http://"+b.addr+"/", "text/plain", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 200 {
				t.Errorf("%s: %d", name, resp.StatusCode)
			}
		}
	}
}

func TestTheTimeToConnectCoversTheHandshake(t *testing.T) {
	sink, next := logSink(t)
	b := tlsBackendIn(t, certtest.New(t), "  timeout connect 300ms\n  retries 0\n  server s "+silent(t)+" ssl verify none\n")
	b.reload(strings.Replace(b.text(b.lines), "  bind ", "  log "+sink+" local0\n  option httplog\n  bind ", 1))
	if resp := b.get("web.test"); resp.StatusCode != 503 {
		t.Errorf("status %d", resp.StatusCode)
	}
	if line := next(); !strings.Contains(line, " 503 ") || !strings.Contains(line, " sC-- ") {
		t.Errorf("log line %q", line)
	}
}

// silent accepts and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") // whose queue nobody empties
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}
