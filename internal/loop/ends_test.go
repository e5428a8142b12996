package loop

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
)

// counted waits until handshakes have ended as they should, and nothing else is left.
func counted(t *testing.T, hs *Handshakes, want map[HandshakeEnd]int64) {
	t.Helper()
	var wanted HandshakeFacts
	for end, n := range want {
		wanted.Ended[end] = n
	}
	t.Cleanup(func() {
		if got := hs.Facts(); t.Failed() {
			t.Logf("counted %+v, want %+v", got, wanted)
		}
	})
	within(t, "the handshakes are counted", func() bool { return hs.Facts() == wanted })
}

func TestHandshakesAreCountedByTheirEnd(t *testing.T) {
	for name, test := range map[string]struct {
		server func(*tls.Config)
		client func(peer net.Conn, trusting *tls.Config)
		want   HandshakeEnd
	}{
		"done": {client: func(peer net.Conn, trusting *tls.Config) { _ = tls.Client(peer, trusting).Handshake() }, want: HandshakeFull},
		"left": {client: func(peer net.Conn, _ *tls.Config) { _ = peer.Close() }, want: HandshakeClosed},
		"HTTP": {client: func(peer net.Conn, _ *tls.Config) { _, _ = io.WriteString(peer, "GET / HTTP/1.1\r\n\r\n") }, want: HandshakeNotTLS},
		"junk": {client: func(peer net.Conn, _ *tls.Config) { _, _ = io.WriteString(peer, "abcdefgh") }, want: HandshakeNotTLS},
		"old versions": {client: func(peer net.Conn, _ *tls.Config) {
			_ = tls.Client(peer, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake() //nolint:gosec // to be refused
		}, want: HandshakeUnshared},
		"other ciphers": {
			server: func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256} },
			client: func(peer net.Conn, trusting *tls.Config) {
				trusting.MaxVersion, trusting.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
				_ = tls.Client(peer, trusting).Handshake()
			}, want: HandshakeUnshared,
		},
		"other protocols": {
			server: func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} },
			client: func(peer net.Conn, trusting *tls.Config) {
				trusting.NextProtos = []string{"mqtt"}
				_ = tls.Client(peer, trusting).Handshake()
			}, want: HandshakeUnshared,
		},
		"not trusted by the client": {client: func(peer net.Conn, _ *tls.Config) {
			_ = tls.Client(peer, &tls.Config{RootCAs: certtest.New(t).Pool(), ServerName: "web.test"}).Handshake()
		}, want: HandshakeCertificate},
		"no certificate": {
			server: func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert },
			client: func(peer net.Conn, trusting *tls.Config) {
				trusting.MaxVersion = tls.VersionTLS12
				_ = tls.Client(peer, trusting).Handshake()
			}, want: HandshakeCertificate,
		},
		"a certificate that is not trusted": {
			server: func(c *tls.Config) {
				c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, certtest.New(t).Pool()
			},
			client: func(peer net.Conn, trusting *tls.Config) {
				pair, err := tls.X509KeyPair(certtest.New(t).ECDSA("client.test"))
				if err != nil {
					t.Error(err)
				}
				trusting.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
				_ = tls.Client(peer, trusting).Handshake()
			}, want: HandshakeCertificate,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, trusting := testTLS(t)
			if test.server != nil {
				test.server(server)
			}
			hs := NewHandshakes(1)
			_, peer, done := serveTLS(t, running(t), hs, server, new(handler))
			test.client(peer, trusting)
			<-done
			counted(t, hs, map[HandshakeEnd]int64{test.want: 1})
		})
	}
}

func TestResumedHandshakesAreCounted(t *testing.T) {
	server, client := testTLS(t)
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	l, hs := running(t), NewHandshakes(1)
	for range 3 {
		_, raw, done := serveTLS(t, l, hs, server, &handler{ready: echo})
		peer := tls.Client(raw, client)
		if _, err := io.WriteString(peer, "x"); err != nil { // the ticket comes before the echo
			t.Fatal(err)
		}
		if _, err := io.ReadFull(peer, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	counted(t, hs, map[HandshakeEnd]int64{HandshakeFull: 1, HandshakeResumed: 2})
}

func TestHandshakesWithServersAreCounted(t *testing.T) {
	server, client := testTLS(t)
	l, hs := running(t), NewHandshakes(1)
	for _, root := range []*tls.Config{client, {ServerName: "web.test", RootCAs: certtest.New(t).Pool()}} {
		c, raw := pair(t, l, new(handler))
		done := make(chan error, 1)
		on(l, func() { hs.Greet(c, root, func(err error) { done <- err }) })
		_ = tls.Server(raw, server).Handshake()
		<-done
	}
	counted(t, hs, map[HandshakeEnd]int64{HandshakeFull: 1, HandshakeCertificate: 1})
}

func TestAHandshakeThatIsNotWantedAnyMoreIsCounted(t *testing.T) {
	server, _ := testTLS(t)
	l, hs := running(t), NewHandshakes(1)
	c, _, _ := serveTLS(t, l, hs, server, new(handler))
	if f := hs.Facts(); f.Waiting != 1 || f.Begun != 0 {
		t.Errorf("%+v, want one that waits", f)
	}
	on(l, c.Close)
	counted(t, hs, map[HandshakeEnd]int64{HandshakeGivenUp: 1})
}

func TestALateHandshakeIsCounted(t *testing.T) {
	server, _ := testTLS(t)
	l, hs := running(t), NewHandshakes(1)
	c, _, done := serveTLS(t, l, hs, server, new(handler))
	on(l, func() { c.SetDeadline(time.Millisecond) })
	<-done
	counted(t, hs, map[HandshakeEnd]int64{HandshakeLate: 1})
}
