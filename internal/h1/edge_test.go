package h1_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/loop"
	"bascule/internal/rule"
	"bascule/internal/stream"
)

// turn waits until the loop has handled what the kernel knew before.
func turn(l *loop.Loop) {
	for range 3 {
		done := make(chan struct{})
		l.Post(func() { close(done) })
		<-done
	}
}

// beforehand has a client say something to a loop that does not run meanwhile: what it says
// is there when the loop meets the client, however slow its own goroutine is. So no
// timeout fires before all has come.
func beforehand(t testing.TB, p *proxy, says string) (net.Conn, *bufio.Reader) {
	t.Helper()
	hold := make(chan struct{})
	p.loops[0].Post(func() { <-hold })
	defer close(hold)
	c, r := dial(t, p.addr)
	if _, err := io.WriteString(c, says); err != nil {
		t.Fatal(err)
	}
	return c, r
}

// until polls a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestBytesOfABrokenUploadReachNobodyElse(t *testing.T) {
	got := make(chan string, 1)
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		h, err := head(r)
		if strings.HasPrefix(h, "POST") {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
			_, _ = io.Copy(io.Discard, r)
			_, _ = r.Peek(1)
			<-t.Context().Done() // the descriptor stays taken
			return
		}
		got <- fmt.Sprint(h, err)
		_, _ = io.WriteString(c, hello)
	})
	p := start(t, &config.Proxy{}, 1, srv)
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	if _, err := head(r); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "5\r\nstale\r\nZZ\r\n")
	_, _ = io.ReadAll(r)
	reply := talk(t, p.addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if h := <-got; !strings.HasPrefix(h, "GET / HTTP/1.1\r\n") || !strings.HasPrefix(reply, "HTTP/1.1 200 ") {
		t.Errorf("the server read %q and the next client %q", h, reply)
	}
}

func TestTheBodyOfARequestThatWasAnsweredIsNoRequest(t *testing.T) {
	seen := make(chan string, 4)
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		h, _ := head(r)
		seen <- h
		_, _ = io.WriteString(c, hello)
	})
	p := start(t, &config.Proxy{HTTPRequest: []*rule.Action{action(t, "deny if { path_beg /private }")}}, 1, srv)
	request := "POST /private HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
	request += strings.Repeat("x", 64<<10-len(request)) + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n" + strings.Repeat("x", 1000)
	hold := make(chan struct{})
	p.loops[0].Post(func() { <-hold })
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, request)
	close(hold)
	if h, err := head(r); err != nil || !strings.HasPrefix(h, "HTTP/1.1 403 ") {
		t.Errorf("got %q, %v", h, err)
	}
	_, _ = io.Copy(io.Discard, r)
	turn(p.loops[0])
	if n := p.fe.Counters.Sum(backend.Requests); n != 1 {
		t.Errorf("%d requests were counted", n)
	}
	select {
	case h := <-seen:
		t.Errorf("the server was asked %q", h)
	default:
	}
}

func TestAnAnsweredClientThatEndedIsCountedOnce(t *testing.T) {
	p := start(t, &config.Proxy{HTTPRequest: []*rule.Action{action(t, "deny if { path_beg /private }")}}, 1, serve(t, always(hello)))
	hold := make(chan struct{})
	p.loops[0].Post(func() { <-hold })
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "GET /private HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	_ = c.(*net.TCPConn).CloseWrite()
	close(hold)
	if b, err := io.ReadAll(r); err != nil || !bytes.HasPrefix(b, []byte("HTTP/1.1 403 ")) {
		t.Errorf("got %q, %v", b, err)
	}
	turn(p.loops[0])
	if n, bad := p.fe.Counters.Sum(backend.Requests), p.fe.Counters.Sum(backend.ReqErrors); n != 1 || bad != 0 {
		t.Errorf("%d requests and %d errors were counted", n, bad)
	}
}

func TestABodyOfNoBytesKeepsTheConnection(t *testing.T) {
	p := start(t, &config.Proxy{Reuse: config.ReuseAlways}, 1, serve(t, always(hello)))
	c, r := dial(t, p.addr)
	for i := range 2 {
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
		h, err := head(r)
		if err != nil || strings.Contains(h, "close") {
			t.Fatalf("reply %d: %q, %v", i, h, err)
		}
		if _, err := r.Discard(5); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.be.Counters.Sum(backend.Connects); n != 1 {
		t.Errorf("%d connections to the server", n)
	}
}

func TestARequestBehindOneUnderWayIsAnsweredAfterTheClientsEnd(t *testing.T) {
	asked, answer := make(chan struct{}, 2), make(chan struct{})
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		for {
			if _, err := head(r); err != nil {
				return
			}
			asked <- struct{}{}
			<-answer
			_, _ = io.WriteString(c, hello)
		}
	})
	p := start(t, &config.Proxy{}, 1, srv)
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
	<-asked
	_, _ = io.WriteString(c, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
	_ = c.(*net.TCPConn).CloseWrite()
	turn(p.loops[0])
	close(answer)
	b, err := io.ReadAll(r)
	if n := bytes.Count(b, []byte("HTTP/1.1 200 ")); err != nil || n != 2 {
		t.Errorf("%d replies, %v: %q", n, err, b)
	}
}

func TestHalfAHeadBehindARequestIs400AtTheClientsEnd(t *testing.T) {
	p := start(t, &config.Proxy{}, 1, serve(t, always(hello)))
	hold := make(chan struct{})
	p.loops[0].Post(func() { <-hold })
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /half HT")
	_ = c.(*net.TCPConn).CloseWrite()
	close(hold)
	b, err := io.ReadAll(r)
	if err != nil || bytes.Count(b, []byte("HTTP/1.1 200 ")) != 2 || bytes.Count(b, []byte("HTTP/1.1 400 ")) != 1 {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestASwitchIsToldBeforeTheServersEnd(t *testing.T) {
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		_, _ = head(r)
		_, _ = io.WriteString(c, switching)
	})
	p := start(t, &config.Proxy{}, 1, srv)
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, upgrade)
	if h, err := head(r); err != nil || !strings.HasPrefix(h, "HTTP/1.1 101 ") {
		t.Errorf("got %q, %v", h, err)
	}
}

// aborts are those that were counted, of either side.
func aborts(p *proxy) int64 {
	return p.be.Counters.Sum(backend.ServerAborts) + p.be.Counters.Sum(backend.ClientAborts)
}

func TestATunnelThatEndsInOrderIsNoAbort(t *testing.T) {
	for name, serverFirst := range map[string]bool{"the client ends first": false, "the server ends first": true} {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 1)
			srv := serve(t, func(r *bufio.Reader, c net.Conn) {
				_, _ = head(r)
				_, _ = io.WriteString(c, strings.ReplaceAll(switching, "websocket", "echo")+"hello")
				if serverFirst {
					_ = c.(*net.TCPConn).CloseWrite()
				}
				b, err := io.ReadAll(r)
				got <- fmt.Sprint(string(b), err)
				_, _ = io.WriteString(c, "bye")
			})
			p := start(t, &config.Proxy{}, 1, srv)
			c, r := dial(t, p.addr)
			_, _ = io.WriteString(c, strings.ReplaceAll(upgrade, "websocket", "echo"))
			_, _ = head(r)
			want := "hellobye"
			if serverFirst {
				want = "hello"
				if b, err := io.ReadAll(r); err != nil || string(b) != want {
					t.Fatalf("read %q, %v", b, err)
				}
			}
			_, _ = io.WriteString(c, "last words")
			_ = c.(*net.TCPConn).CloseWrite()
			if s := <-got; s != "last words<nil>" {
				t.Errorf("the server read %q", s)
			}
			if !serverFirst {
				if b, err := io.ReadAll(r); err != nil || string(b) != want {
					t.Errorf("read %q, %v", b, err)
				}
			}
			until(t, "the end of the stream", func() bool { return p.be.Cur.Cur() == 0 })
			if n := aborts(p); n != 0 {
				t.Errorf("%d aborts were counted", n)
			}
		})
	}
}

// sentTo is what was written for the stream that began last.
func sentTo(p *proxy) int64 {
	out := make(chan int64)
	p.loops[0].Post(func() {
		var n int64
		if list := p.planes[0].Carrier().Sessions(nil); len(list) > 0 {
			n = list[0].Out
		}
		out <- n
	})
	return <-out
}

func TestASoftStopCutsNoReply(t *testing.T) {
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		for {
			h, err := head(r)
			if err != nil {
				return
			}
			var size int
			_, _ = fmt.Sscanf(h, "GET /%d", &size)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
			_, _ = c.Write(make([]byte, size))
		}
	})
	p := start(t, &config.Proxy{}, 1, srv)
	slow, _ := dial(t, p.addr)
	_, _ = io.WriteString(slow, "GET /50000000 HTTP/1.1\r\nHost: a\r\n\r\n")
	const clients, step = 12, 32 << 10
	most, same := int64(0), 0
	for same < 500 { // turns in which the client took nothing
		if n := sentTo(p); n > most {
			most, same = n, 0
		} else if n > step { // the sockets take more than that: the server has not come so far
			same++
		}
	}
	// Replies of about that size are over for their server while their end waits here.
	var sizes [clients]int
	var readers [clients]*bufio.Reader
	for i := range sizes {
		sizes[i] = max(step, int(most)+(clients/2-i)*step)
		var c net.Conn
		c, readers[i] = dial(t, p.addr)
		fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: a\r\nX: %d\r\n\r\n", sizes[i], i)
	}
	for same, last := 0, int64(-1); same < 500; same++ {
		if n := p.fe.Counters.Sum(backend.BytesOut) + sentTo(p); n != last {
			last, same = n, 0
		}
	}
	p.loops[0].Post(p.planes[0].SoftStop)
	turn(p.loops[0])
	for i, r := range readers {
		if _, err := head(r); err != nil {
			t.Fatal(err)
		}
		if n, err := io.CopyN(io.Discard, r, int64(sizes[i])); err != nil {
			t.Errorf("read %d bytes, %v; want %d", n, err, sizes[i])
		}
		if _, err := r.ReadByte(); err != io.EOF {
			t.Errorf("client %d: %v; want the end", i, err)
		}
	}
	_ = slow.Close()
	until(t, "the end of all connections", func() bool { return p.fe.Env.Conns.Cur() == 0 && p.fe.Cur.Cur() == 0 })
}

func TestBytesAreCountedOnce(t *testing.T) {
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		for {
			if _, err := head(r); err != nil {
				return
			}
			if _, err := r.Discard(10); err != nil {
				return
			}
			_, _ = io.WriteString(c, hello)
		}
	})
	p := start(t, &config.Proxy{}, 1, srv)
	post := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"
	sent := strings.Repeat(post, 3) + "nonsense\r\n\r\n"
	got := talk(t, p.addr, sent)
	turn(p.loops[0])
	if in := p.fe.Counters.Sum(backend.BytesIn); in != int64(len(sent)) {
		t.Errorf("%d bytes in were counted, %d were sent", in, len(sent))
	}
	if out := p.fe.Counters.Sum(backend.BytesOut); out != int64(len(got)) {
		t.Errorf("%d bytes out were counted, %d were read", out, len(got))
	}
}

func TestOnlyWebSocketsGetACloseFrame(t *testing.T) {
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		_, _ = head(r)
		_, _ = io.WriteString(c, strings.ReplaceAll(switching, "websocket", "echo"))
		_, _ = io.Copy(io.Discard, r)
	})
	p := start(t, &config.Proxy{}, 1, srv)
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, strings.ReplaceAll(upgrade, "websocket", "echo"))
	if _, err := head(r); err != nil {
		t.Fatal(err)
	}
	p.loops[0].Post(func() { p.planes[0].Carrier().Shutdown(p.be.Servers()[0], 'D') })
	if b, err := io.ReadAll(r); err != nil || len(b) != 0 {
		t.Errorf("read % x, %v of a tunnel of another protocol", b, err)
	}
}

func TestAClientThatDoesNotReadIsLate(t *testing.T) {
	// The server reads as fast as its echo is taken; the client sends without
	// reading, so that all four directions stand still.
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		_, _ = head(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
		_, _ = io.Copy(c, r)
	})
	p := start(t, &config.Proxy{Timeouts: config.Timeouts{Connect: time.Minute, Client: 300 * time.Millisecond, Server: time.Minute}}, 1, srv)
	c, _ := beforehand(t, p, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
	if _, err := io.Copy(c, zeros{}); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client was not cut off: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestAClientThatStopsSendingIsLateEvenAfterTheServerWas(t *testing.T) {
	held := make(chan struct{})
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		_, _ = head(r)
		<-held
		_, _ = io.Copy(io.Discard, r)
	})
	p := start(t, &config.Proxy{Timeouts: config.Timeouts{Connect: time.Minute, Client: 3 * time.Second, Server: time.Minute}}, 1, srv)
	c, r := beforehand(t, p, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
	// The client sends until nobody takes more, and is never late with it.
	total := 0
	for buf := make([]byte, 64<<10); ; {
		_ = c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		n, err := c.Write(buf)
		total += n
		if err != nil {
			break
		}
	}
	close(held)
	if h, err := head(r); err != nil || !strings.HasPrefix(h, "HTTP/1.1 408 ") {
		t.Errorf("after %d bytes: got %q, %v", total, h, err)
	}
}

func TestAQueueWithoutATimeoutWaits(t *testing.T) {
	answer := make(chan struct{})
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		_, _ = head(r)
		<-answer
		_, _ = io.WriteString(c, hello)
	})
	cfg := &config.Proxy{Timeouts: config.Timeouts{Client: time.Minute}}
	p := start(t, cfg, 1, srv)
	sc := *cfg.Servers[0]
	sc.MaxConn = 1
	cfg2 := *cfg
	cfg2.Servers = []*config.Server{&sc}
	if err := p.be.Ask(backend.Apply{Cfg: &cfg2}); err != nil {
		t.Fatal(err)
	}
	replies := make(chan string, 2)
	for range 2 {
		go func() { // ends with its answer
			c, err := net.Dial("tcp", p.addr)
			if err != nil {
				replies <- err.Error()
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			h, _ := head(bufio.NewReader(c))
			replies <- h
		}()
	}
	until(t, "two streams", func() bool { return p.be.Cur.Cur() == 2 })
	turn(p.loops[0])
	close(answer)
	for range 2 {
		if h := <-replies; !strings.HasPrefix(h, "HTTP/1.1 200 ") {
			t.Errorf("got %q", h)
		}
	}
}

func TestABodyThatBreaksOffBehindARequestIsNotWaitedFor(t *testing.T) {
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		for {
			h, err := head(r)
			if err != nil {
				return
			}
			if strings.HasPrefix(h, "POST") {
				_, _ = r.Discard(9)
				return
			}
			_, _ = io.WriteString(c, hello)
		}
	})
	p := start(t, &config.Proxy{}, 1, srv)
	hold := make(chan struct{})
	p.loops[0].Post(func() { <-hold })
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
	_ = c.(*net.TCPConn).CloseWrite()
	close(hold)
	if _, err := io.ReadAll(r); err != nil {
		t.Error(err)
	}
	turn(p.loops[0])
	if n := aborts(p); n != 1 {
		t.Errorf("%d aborts were counted", n)
	}
}

func TestAServiceEndsWithItsLoop(t *testing.T) {
	ended := make(chan error, 1)
	p := start(t, &config.Proxy{Stats: &config.Stats{URI: "/"}}, 1)
	p.fe.Apply(&stream.Rules{Cfg: p.fe.Rules().Cfg, Default: p.be, Services: map[string]stream.Service{stream.StatsService: endless{ended: ended}}})
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if _, err := head(r); err != nil {
		t.Fatal(err)
	}
	p.loops[0].Stop() // while the service waits for a client that does not read
	if err := <-ended; !errors.Is(err, stream.ErrGone) {
		t.Errorf("the service ended with %v", err)
	}
}

// TestAServiceEndsWithAReaderThatStops: a client without a timeout that takes nothing
// is given up when the service's patience is over, and its connection is closed.
func TestAServiceEndsWithAReaderThatStops(t *testing.T) {
	ended := make(chan error, 1)
	p := start(t, &config.Proxy{Stats: &config.Stats{URI: "/"}}, 1)
	p.fe.Apply(&stream.Rules{Cfg: p.fe.Rules().Cfg, Default: p.be, Services: map[string]stream.Service{stream.StatsService: endless{ended, 50 * time.Millisecond}}})
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if _, err := head(r); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, stream.ErrGone) {
		t.Errorf("the service ended with %v", err)
	}
	until(t, "the end of the stream", func() bool { return p.fe.Cur.Cur() == 0 })
	if _, err := io.Copy(io.Discard, r); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ends with %v", err)
	}
}

// endless writes until it is told to stop.
type endless struct {
	ended    chan error
	patience time.Duration
}

func (e endless) Serve(w *stream.Writer, _ *stream.Asked) {
	w.Patience = e.patience
	for {
		if _, err := w.Write(make([]byte, 64<<10)); err != nil {
			e.ended <- err
			return
		}
	}
}

func TestAReplyThatIsCutSparesTheOneBeforeIt(t *testing.T) {
	const size = 100 << 10 // the kernel takes it all before the client reads
	asked, answer := make(chan struct{}), make(chan struct{})
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		for {
			h, err := head(r)
			if err != nil {
				return
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
			if strings.HasPrefix(h, "GET /cut") {
				close(asked)
				<-answer
				_, _ = io.WriteString(c, "half")
				return
			}
			_, _ = c.Write(make([]byte, size))
		}
	})
	p := start(t, &config.Proxy{}, 1, srv)
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "GET /whole HTTP/1.1\r\nHost: a\r\n\r\nGET /cut HTTP/1.1\r\nHost: a\r\n\r\n")
	<-asked
	_, _ = io.WriteString(c, "GET /more HTTP/1.1\r\nHost: a\r\n\r\n")
	turn(p.loops[0])
	close(answer)
	until(t, "the end of the stream", func() bool { return p.be.Cur.Cur() == 0 })
	if _, err := head(r); err != nil {
		t.Fatal(err)
	}
	if n, err := io.CopyN(io.Discard, r, size); err != nil {
		t.Errorf("%d bytes of the whole reply, %v; want %d", n, err, size)
	}
	if b, err := io.ReadAll(r); err != nil || !bytes.HasSuffix(b, []byte("\r\n\r\nhalf")) {
		t.Errorf("behind it %q, %v", b, err)
	}
}
