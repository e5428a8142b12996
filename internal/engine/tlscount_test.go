package engine

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bascule/internal/loop"
)

func TestHandshakesAreCountedOnBothSides(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") }))
	t.Cleanup(srv.Close)
	s := newTLSSite(t, "http", "", "", strings.TrimPrefix(srv.URL, "https://")+" ssl verify none")
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(c)

	client := s.client()
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for range 2 {
		conn := s.dial(client)
		if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 200") {
			t.Fatalf("%q, %v", got, err)
		}
	}
	var front, back loop.HandshakeFacts
	front.Ended[loop.HandshakeNotTLS], front.Ended[loop.HandshakeFull], front.Ended[loop.HandshakeResumed] = 1, 1, 1
	back.Ended[loop.HandshakeFull], back.Ended[loop.HandshakeResumed] = 1, 1
	becomes(t, "connections with TLS", 0, func() int64 { return s.Stats().Process().SSLConns })
	becomes(t, "handshakes with clients", front, func() loop.HandshakeFacts { return s.Stats().Process().FrontTLS })
	becomes(t, "handshakes with servers", back, func() loop.HandshakeFacts { return s.Stats().Process().BackTLS })
}

func TestWhyAHandshakeWithAServerFailedIsTold(t *testing.T) {
	b := newTLSBackend(t, "  server s $SERVER ssl verify required ca-file $DIR/other.pem sni str(web.test)\n", nil)
	if resp := b.get("web.test"); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", resp.StatusCode)
	}
	eventually(t, "the reason is told", func() bool {
		return strings.Contains(ask(t, b.socket, "show events\n"), "server-unshaken b/s Server b/s: SSL handshake failure (x509: certificate signed by unknown authority")
	})
}
