package loop

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/cert/certtest"
)

// testTLS makes the settings of a server named web.test and of a client that trusts it.
func testTLS(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	m := certtest.New(t)
	pair, err := tls.X509KeyPair(m.ECDSA("web.test"))
	if err != nil {
		t.Fatal(err)
	}
	server = &tls.Config{Certificates: []tls.Certificate{pair}, DynamicRecordSizingDisabled: true}
	return server, &tls.Config{RootCAs: m.Pool(), ServerName: "web.test"}
}

// serveTLS makes a connection that speaks TLS as a server, and its other end,
// which has said nothing yet. The result of the handshake comes on done.
func serveTLS(t testing.TB, l *Loop, hs *Handshakes, server *tls.Config, h Handler) (c *Conn, peer net.Conn, done chan error) {
	t.Helper()
	return serveTLSFrom(t, l, hs, "", server, h)
}

// serveTLSFrom is serveTLS with a client from an address.
func serveTLSFrom(t testing.TB, l *Loop, hs *Handshakes, from string, server *tls.Config, h Handler) (c *Conn, peer net.Conn, done chan error) {
	t.Helper()
	var source netip.Addr
	if from != "" {
		source = netip.MustParseAddr(from)
	}
	c, peer = pair(t, l, h)
	done = make(chan error, 1)
	on(l, func() { hs.Serve(c, source, server, func(err error) { done <- err }) })
	return c, peer, done
}

// slow gives its writes away byte by byte.
type slow struct{ net.Conn }

func (s slow) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := s.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func TestTLSCarriesEveryByteBothWays(t *testing.T) {
	server, trusting := testTLS(t)
	data := make([]byte, 3<<20)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	for name, test := range map[string]struct {
		version uint16
		bytes   int
		wrap    func(net.Conn) net.Conn
	}{
		"1.3":               {tls.VersionTLS13, len(data), func(c net.Conn) net.Conn { return c }},
		"1.2":               {tls.VersionTLS12, len(data), func(c net.Conn) net.Conn { return c }},
		"1.3, byte by byte": {tls.VersionTLS13, 20_000, func(c net.Conn) net.Conn { return slow{c} }},
		"1.2, byte by byte": {tls.VersionTLS12, 20_000, func(c net.Conn) net.Conn { return slow{c} }},
	} {
		t.Run(name, func(t *testing.T) {
			l := running(t)
			client := trusting.Clone()
			client.MinVersion, client.MaxVersion = test.version, test.version
			c, raw, done := serveTLS(t, l, NewHandshakes(1), server, &handler{ready: echo})
			peer := tls.Client(test.wrap(raw), client)
			go func() { // ends with the write, or with the test's deadline of the peer
				_, _ = peer.Write(data[:test.bytes])
				_ = peer.CloseWrite()
			}()
			got, err := io.ReadAll(peer)
			if err != nil || !bytes.Equal(got, data[:test.bytes]) {
				t.Errorf("%d bytes came back of %d, %v", len(got), test.bytes, err)
			}
			if err := <-done; err != nil {
				t.Errorf("the handshake: %v", err)
			}
			var state tls.ConnectionState
			on(l, func() {
				if s := c.TLS(); s != nil {
					state = s.ConnectionState()
				}
			})
			if state.Version != 0 && state.Version != test.version {
				t.Errorf("version %x", state.Version)
			}
		})
	}
}

func TestTLSToAServer(t *testing.T) {
	server, client := testTLS(t)
	l := running(t)
	c, raw := pair(t, l, &handler{ready: echo})
	done := make(chan error, 1)
	on(l, func() { NewHandshakes(1).Greet(c, client, func(err error) { done <- err }) })
	peer := tls.Server(raw, server)
	if _, err := peer.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestHandshakesThatFail(t *testing.T) {
	server, trusting := testTLS(t)
	hello := clientHello(t, trusting)
	for name, test := range map[string]struct {
		says []byte
		ends bool
		want error
	}{
		"HTTP":                     {[]byte("GET / HTTP/1.1\r\n"), false, ErrPlainHTTP},
		"SSH":                      {[]byte("SSH-2.0-x\r\n"), false, ErrNotTLS},
		"an empty record":          {[]byte{22, 3, 1, 0, 0}, false, ErrNotTLS},
		"a hello without end":      {append([]byte{22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff}, make([]byte, 8)...), false, ErrHelloTooLarge},
		"no word":                  {nil, true, io.EOF},
		"half a hello":             {hello[:len(hello)/2], true, io.ErrUnexpectedEOF},
		"a hello and no more":      {hello, true, io.EOF},
		"a hello and something":    {append(bytes.Clone(hello), "something else\r\n"...), true, nil},
		"a hello in two records":   {split(hello), true, io.EOF},
		"no word, and no end":      {nil, false, ErrHandshakeLate},
		"a hello, and no end":      {hello, false, ErrHandshakeLate},
		"half a hello, and no end": {hello[:len(hello)/2], false, ErrHandshakeLate},
	} {
		t.Run(name, func(t *testing.T) {
			l := running(t)
			hs := NewHandshakes(1)
			c, raw, done := serveTLS(t, l, hs, server, new(handler))
			if _, err := raw.Write(test.says); err != nil {
				t.Fatal(err)
			}
			if test.ends {
				_ = raw.(*net.TCPConn).CloseWrite()
			} else if errors.Is(test.want, ErrHandshakeLate) {
				on(l, func() { c.SetDeadline(20 * time.Millisecond) })
			}
			err := <-done
			if test.want != nil && !errors.Is(err, test.want) || err == nil {
				t.Errorf("%v, want %v", err, test.want)
			}
			on(l, func() { c.Close() })
			within(t, "the goroutine ends", func() bool { return hs.Open() == 0 })
		})
	}
}

// clientHello is what a client says first.
func clientHello(t *testing.T, client *tls.Config) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() { _ = tls.Client(theirs, client).Handshake() }() // ends when ours is closed
	p := make([]byte, 16<<10)
	n, err := ours.Read(p)
	if err != nil {
		t.Fatal(err)
	}
	return p[:n]
}

// split spreads a ClientHello over two records, the first of which has not even
// the message's whole head.
func split(hello []byte) []byte {
	body := hello[5:]
	two := append([]byte{22, 3, 1, 0, 3}, body[:3]...)
	n := len(body) - 3
	return append(append(two, 22, 3, 1, byte(n>>8), byte(n)), body[3:]...)
}

func TestAPanicInAHandshakeEndsItAlone(t *testing.T) {
	server, client := testTLS(t)
	l := running(t)
	hs := NewHandshakes(1)
	broken := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { panic("planted") }}
	for _, settings := range []*tls.Config{broken, server} {
		c, raw, done := serveTLS(t, l, hs, settings, &handler{ready: echo})
		if _, err := raw.Write(clientHello(t, client)); err != nil {
			t.Fatal(err)
		}
		if settings == broken {
			if err := <-done; err == nil {
				t.Error("the handshake went well")
			}
			on(l, c.Close)
			within(t, "its token is free", func() bool { return hs.Open() == 0 })
		} else {
			within(t, "the next one goes on", func() bool { return hs.Open() == 1 })
			on(l, c.Close)
		}
	}
	if l.Panics() != 1 {
		t.Errorf("%d panics counted, want 1", l.Panics())
	}
}

func TestASilentHandshakeHoldsUpNobody(t *testing.T) {
	server, client := testTLS(t)
	l := running(t)
	hs := NewHandshakes(1)
	hello := clientHello(t, client)
	for range 10 {
		_, raw, _ := serveTLS(t, l, hs, server, &handler{ready: echo})
		if _, err := raw.Write(hello); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "ten wait for their client", func() bool { return hs.Open() == 10 })
	_, raw, done := serveTLS(t, l, hs, server, &handler{ready: echo})
	if err := tls.Client(raw, client).Handshake(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAConnectionClosedInItsHandshakeLeavesNothing(t *testing.T) {
	server, client := testTLS(t)
	l := running(t)
	hs := NewHandshakes(1)
	c, raw, done := serveTLS(t, l, hs, server, &handler{ready: echo})
	if _, err := raw.Write(clientHello(t, client)); err != nil {
		t.Fatal(err)
	}
	within(t, "it has begun", func() bool { return hs.Open() == 1 })
	on(l, c.Close)
	within(t, "the goroutine ends", func() bool { return hs.Open() == 0 })
	on(l, func() {}) // the goroutine's last word was read
	if len(done) != 0 {
		t.Errorf("done was told of %v", <-done)
	}
}

func TestTLSEndsPolitely(t *testing.T) {
	server, client := testTLS(t)
	for name, end := range map[string]struct {
		how  func(c *Conn)
		want error
	}{
		"Close":          {func(c *Conn) { c.Close() }, nil},
		"CloseAfterSend": {func(c *Conn) { _ = c.Send([]byte("bye")); c.CloseAfterSend() }, nil},
		"CloseWrite":     {func(c *Conn) { _ = c.SendV([]byte("b"), []byte("ye")); c.CloseWrite() }, nil},
		"Reset":          {func(c *Conn) { c.Reset() }, errors.New("reset")},
	} {
		t.Run(name, func(t *testing.T) {
			l := running(t)
			c, raw, done := serveTLS(t, l, NewHandshakes(1), server, &handler{ready: func(*Conn) {}})
			peer := tls.Client(raw, client)
			if err := peer.Handshake(); err != nil {
				t.Fatal(err)
			}
			<-done
			on(l, func() { end.how(c) })
			_, err := io.ReadAll(peer)
			if (err == nil) != (end.want == nil) {
				t.Errorf("the client saw %v, want %v", err, end.want)
			}
		})
	}
}

// within waits for what other goroutines do.
func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// acknowledged waits until the kernel of the other end has all that was sent.
func acknowledged(t *testing.T, peer net.Conn) {
	t.Helper()
	raw, err := peer.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	within(t, "all has arrived", func() bool {
		left := -1
		_ = raw.Control(func(fd uintptr) { left, err = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })
		if err != nil {
			t.Fatal(err)
		}
		return left == 0
	})
}

// TestAnIdleConnectionMayGetTickets: what a server says of TLS alone, at any time,
// ends nothing; bytes that nobody asked for do, and its end.
func TestAnIdleConnectionMayGetTickets(t *testing.T) {
	for name, test := range map[string]struct {
		then func(*tls.Conn)
		idle bool
	}{
		"a ticket":            {func(*tls.Conn) {}, true},
		"a ticket, and bytes": {func(c *tls.Conn) { _, _ = c.Write([]byte("HTTP/1.1 408 Request Timeout\r\n\r\n")) }, false},
		"a ticket, its end":   {func(c *tls.Conn) { _ = c.CloseWrite() }, false},
		"a ticket, a close":   {func(c *tls.Conn) { _ = c.Close() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			server, client := testTLS(t)
			client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			l := running(t)
			c, raw := pair(t, l, &handler{ready: func(*Conn) {}})
			done := make(chan error, 1)
			on(l, func() { NewHandshakes(1).Greet(c, client, func(err error) { done <- err }) })
			peer := tls.Server(raw, server)
			if err := peer.Handshake(); err != nil { // its last words are tickets
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			test.then(peer)
			if test.idle {
				acknowledged(t, raw)
			} else {
				await(t, l, func() bool { return !c.Peek() })
			}
			for range 3 { // it stays what it is
				var peek bool
				on(l, func() { peek = c.Peek() })
				if peek != test.idle {
					t.Fatalf("idle %v, want %v", peek, test.idle)
				}
			}
			if name == "a ticket" {
				if _, ok := client.ClientSessionCache.Get("web.test"); !ok {
					t.Error("the ticket was not taken")
				}
			}
		})
	}
}
