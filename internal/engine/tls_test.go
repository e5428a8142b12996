package engine

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"bascule/internal/cert/certtest"
)

// tlsSite is a balancer with TLS at addr in front of a server, and a client's
// settings for it. $OPTIONS of the bind, lines of the frontend.
type tlsSite struct {
	*balancer
	t    *testing.T
	m    *certtest.Maker
	addr string
}

// echoServer answers with what it was sent and the scheme that it was told.
func echoServer(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Was", r.Header.Get("X-Forwarded-Proto"))
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

func (s *tlsSite) text(mode, bind, lines, server string) string {
	return fmt.Sprintf("global\n  stats socket $DIR/sock level admin\ndefaults\n  mode %s\n  timeout client 30s\n  timeout server 30s\n  timeout connect 10s\n"+
		"frontend f\n  bind %s ssl crt $DIR/web.pem %s\n%s  default_backend b\nbackend b\n  server s %s\n", mode, s.addr, bind, lines, server)
}

func (s *tlsSite) write(name string, data []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func newTLSSite(t *testing.T, mode, bind, lines, server string) *tlsSite {
	t.Helper()
	s := &tlsSite{balancer: &balancer{dir: shortDir(t)}, t: t, m: certtest.New(t), addr: freeAddr(t)}
	s.write("web.pem", s.m.Both("web.test"))
	s.write("ca.pem", s.m.Authority())
	s.balancer = runIn(t, s.dir, s.text(mode, bind, lines, server))
	return s
}

func (s *tlsSite) client() *tls.Config {
	return &tls.Config{RootCAs: s.m.Pool(), ServerName: "web.test"}
}

func (s *tlsSite) dial(c *tls.Config) *tls.Conn {
	s.t.Helper()
	conn, err := tls.Dial("tcp", s.addr, c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

func TestHTTPSCarriesRequests(t *testing.T) {
	s := newTLSSite(t, "http", "alpn h2,http/1.1", "  http-request set-header X-Forwarded-Proto https if { ssl_fc }\n", echoServer(t))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		settings := s.client()
		settings.MinVersion, settings.MaxVersion = version, version
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: settings, DialTLSContext: nil, ForceAttemptHTTP2: true}, Timeout: patience}
		for _, size := range []int{0, 10, 100_000, 5 << 20} {
			body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			resp, err := client.Post("https://"+s.addr+"/", "text/plain", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || !bytes.Equal(got, body) || resp.ProtoMajor != 1 || resp.TLS.Version != version || resp.Header.Get("X-Was") != "https" {
				t.Errorf("%d bytes by %x: %d came back, %v; HTTP %d, X-Forwarded-Proto %q", size, version, len(got), err, resp.ProtoMajor, resp.Header.Get("X-Was"))
			}
		}
		client.CloseIdleConnections()
	}
}

func TestModeTCPBehindTLS(t *testing.T) {
	s := newTLSSite(t, "tcp", "", "", upper(t))
	conn := s.dial(s.client())
	want := strings.Repeat("0123456789abcdef", 1<<16)
	go func() { // ends with the write, or with the deadline of the connection
		_, _ = io.WriteString(conn, want)
		_ = conn.CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != strings.ToUpper(want)+"bye" {
		t.Errorf("%d bytes came back of %d, %v", len(got), len(want), err)
	}
}

func TestAReloadTakesNewCertificatesAndCutsNobody(t *testing.T) {
	server := echoServer(t)
	s := newTLSSite(t, "http", "", "", server)
	old := s.dial(s.client())
	exchange := func(conn *tls.Conn) {
		t.Helper()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: web.test\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 12)
		if _, err := io.ReadFull(conn, head); err != nil || string(head) != "HTTP/1.1 200" {
			t.Fatalf("%q, %v", head, err)
		}
	}
	exchange(old)
	s.write("web.pem", s.m.Both("web.test", "new.web.test"))
	s.reload(s.text("http", "", "", server))
	now := s.dial(s.client())
	before, after := old.ConnectionState().PeerCertificates[0].SerialNumber, now.ConnectionState().PeerCertificates[0].SerialNumber
	if before.Cmp(after) == 0 {
		t.Errorf("a new connection still sees certificate %v", after)
	}
	exchange(now)
	if _, err := io.WriteString(old, "GET / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(old); err != nil || !bytes.Contains(rest, []byte("HTTP/1.1 200")) {
		t.Errorf("the connection from before the reload: %q, %v", rest, err)
	}
}

func TestAReloadCostsNoHandshake(t *testing.T) {
	server := echoServer(t)
	s := newTLSSite(t, "http", "alpn http/1.1", "", server)
	for _, protocols := range [][]string{{"http/1.1"}, nil} {
		settings := s.client()
		settings.NextProtos, settings.ClientSessionCache = protocols, tls.NewLRUClientSessionCache(1)
		for i := range 3 {
			conn := s.dial(settings)
			if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(conn); err != nil { // the ticket comes with it
				t.Fatal(err)
			}
			if conn.ConnectionState().DidResume != (i > 0) {
				t.Errorf("connection %d behind %d reloads, protocols %q: resumed %v", i, i, protocols, i == 0)
			}
			s.reload(s.text("http", "alpn http/1.1", "", server))
		}
	}
}

func TestClientsShowTheirCertificates(t *testing.T) {
	s := newTLSSite(t, "http", "ca-file $DIR/ca.pem verify required", "", echoServer(t))
	settings := s.client()
	for name, test := range map[string]struct {
		maker *certtest.Maker
		fine  bool
	}{
		"of our authority":      {s.m, true},
		"of another's":          {certtest.New(t), false},
		"there is none to show": {nil, false},
	} {
		settings.Certificates = nil
		if test.maker != nil {
			certificate, key := test.maker.ECDSA("client.test")
			pair, err := tls.X509KeyPair(certificate, key)
			if err != nil {
				t.Fatal(err)
			}
			settings.Certificates = []tls.Certificate{pair}
		}
		conn := s.dial(settings)
		_, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
		var got []byte
		if err == nil {
			got, err = io.ReadAll(conn)
		}
		if fine := bytes.HasPrefix(got, []byte("HTTP/1.1 200")); fine != test.fine || !fine && err == nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestRulesSeeTLS sees the same in rules on sessions, on content and on requests.
func TestRulesSeeTLS(t *testing.T) {
	show := func(s *tlsSite) *tls.Conn {
		certificate, key := s.m.ECDSA("client.test")
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		settings := s.client()
		settings.Certificates = []tls.Certificate{pair}
		return s.dial(settings)
	}
	t.Run("mode http", func(t *testing.T) {
		s := newTLSSite(t, "http", "ca-file $DIR/ca.pem verify optional",
			"  tcp-request session set-var(sess.cn) ssl_c_s_dn(CN)\n  http-request return status 200 content-type text/plain lf-string \"%[var(sess.cn)] %[ssl_c_r_dn] %[ssl_f_s_dn(CN)] %sslv\"\n", echoServer(t))
		conn := show(s)
		_, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		if want := "\r\n\r\nclient.test /CN=authority.test web.test TLSv1.3"; err != nil || !bytes.HasSuffix(got, []byte(want)) {
			t.Errorf("%q, %v, want %q at its end", got, err, want)
		}
	})
	t.Run("mode tcp", func(t *testing.T) {
		s := newTLSSite(t, "tcp", "ca-file $DIR/ca.pem verify optional",
			"  tcp-request content reject unless { ssl_fc_sni web.test }\n  tcp-request session reject unless { ssl_c_s_dn(CN) client.test }\n", upper(t))
		conn := show(s)
		if _, err := io.WriteString(conn, "hello"); err != nil {
			t.Fatal(err)
		}
		_ = conn.CloseWrite()
		if got, err := io.ReadAll(conn); err != nil || string(got) != "HELLObye" {
			t.Errorf("%q, %v", got, err)
		}
		other := s.dial(s.client())
		if got, err := io.ReadAll(other); err == nil {
			t.Errorf("a client without a certificate got %q", got)
		}
	})
}

func TestWhyAHandshakeFailedIsLogged(t *testing.T) {
	sink, next := logSink(t)
	s := newTLSSite(t, "http", "", "  log "+sink+" local0\n  option httplog\n  option dontlognull\n  timeout client 1m\n", echoServer(t))
	for _, test := range []struct {
		name string
		do   func(c net.Conn)
		want string // "": no line
	}{
		{"a client that says nothing and leaves", func(net.Conn) {}, ""},
		{"HTTP without TLS", func(c net.Conn) { _, _ = io.WriteString(c, "GET / HTTP/1.1\r\n\r\n") }, "SSL handshake failure (the first bytes are an HTTP request)"},
		{"a client that trusts another authority", func(c net.Conn) {
			_ = tls.Client(c, &tls.Config{RootCAs: certtest.New(t).Pool(), ServerName: "web.test"}).Handshake()
			_, _ = io.ReadAll(c) // what was not read when it is closed would make that a reset
		}, "SSL handshake failure (remote error: tls: bad certificate)"},
		{"versions that are too old", func(c net.Conn) {
			_ = tls.Client(c, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake() //nolint:gosec // to be refused
		}, "SSL handshake failure (tls: client offered only unsupported versions: [302 301])"},
	} {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		test.do(c)
		_ = c.Close()
		if test.want == "" {
			continue
		}
		if line := next(); !strings.HasSuffix(strings.TrimSpace(line), " f/1: "+test.want) {
			t.Errorf("%s: %q, want %q", test.name, line, test.want)
		}
	}
}

func TestClientsWithTLSWaitForAPlace(t *testing.T) {
	for _, limit := range []string{"maxsslconn 2", "maxsslrate 2"} {
		t.Run(limit, func(t *testing.T) {
			s := newTLSSite(t, "http", "", "", echoServer(t))
			s.reload(strings.Replace(s.text("http", "", "", echoServer(t)), "global\n", "global\n  "+limit+"\n", 1))
			for range 3 { // more are there at once than may be
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						c, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", s.addr, s.client())
						if err != nil {
							t.Error(err)
							return
						}
						defer c.Close()
						_ = c.SetDeadline(time.Now().Add(patience))
						if _, err = io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err == nil {
							_, err = io.ReadAll(c)
						}
						if err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
			}
			eventually(t, "all have left", func() bool { return s.info("CurrSslConns") == "0" })
			want := map[string]string{"MaxSslConns": "2", "SslRateLimit": "0", "CumSslConns": "12"}
			if limit == "maxsslrate 2" {
				want["MaxSslConns"], want["SslRateLimit"] = "0", "2"
			}
			for name, want := range want {
				if got := s.info(name); got != want {
					t.Errorf("%s %s, want %s", name, got, want)
				}
			}
		})
	}
}

func TestTimeoutClientHsIsForTheHandshakeAlone(t *testing.T) {
	s := newTLSSite(t, "http", "", "  timeout client 1h\n  timeout client-hs 100ms\n", echoServer(t))
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a client that says nothing: %v", err)
	}
}

func TestWhatTheAuthoritySaysIsStapled(t *testing.T) {
	s := &tlsSite{balancer: &balancer{dir: shortDir(t)}, t: t, m: certtest.New(t), addr: freeAddr(t)}
	certificate, key := s.m.ECDSA("web.test")
	s.write("web.pem", slices.Concat(certificate, s.m.Authority(), key))
	response := s.m.OCSP(certificate, ocsp.Good, time.Now().Add(time.Hour))
	s.write("web.pem.ocsp", response)
	s.balancer = runIn(t, s.dir, s.text("http", "", "", echoServer(t)))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		settings := s.client()
		settings.MaxVersion = version
		if got := s.dial(settings).ConnectionState().OCSPResponse; !bytes.Equal(got, response) {
			t.Errorf("version %x: stapled %x", version, got)
		}
	}
}

func TestEachLineOfACrtListHasItsOwnTLS(t *testing.T) {
	s := &tlsSite{balancer: &balancer{dir: shortDir(t)}, t: t, m: certtest.New(t), addr: freeAddr(t)}
	s.write("web.pem", s.m.Both("web.test", "*.web.test"))
	s.write("api.pem", s.m.Both("api.web.test"))
	s.write("ca.pem", s.m.Authority())
	s.write("web.list", []byte(strings.ReplaceAll("# the first is for all others\nD/web.pem\n"+
		"D/api.pem [alpn http/1.1 ssl-max-ver TLSv1.2 ciphers ECDHE-ECDSA-AES256-GCM-SHA384 curves P-384] api.web.test\n"+
		"D/web.pem [verify required ca-file D/ca.pem] *.in.test !open.in.test\n", "D/", s.dir+"/")))
	s.balancer = runIn(t, s.dir, strings.ReplaceAll(s.text("http", "", "", echoServer(t)), "crt $DIR/web.pem", "crt-list $DIR/web.list"))
	dial := func(name string, own ...tls.Certificate) (tls.ConnectionState, error) {
		c := &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}, Certificates: own} //nolint:gosec // names are the test's
		conn, err := tls.Dial("tcp", s.addr, c)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n"); err == nil {
			_, err = io.ReadAll(conn) // TLS 1.3 tells here who needs a certificate
		}
		return conn.ConnectionState(), err
	}
	for _, name := range []string{"web.test", "other.test", "open.in.test"} {
		state, err := dial(name)
		if err != nil || state.Version != tls.VersionTLS13 || state.NegotiatedProtocol != "" || state.PeerCertificates[0].DNSNames[0] != "web.test" {
			t.Errorf("%s: %v, version %x, protocol %q", name, err, state.Version, state.NegotiatedProtocol)
		}
	}
	state, err := dial("api.web.test")
	if err != nil || state.Version != tls.VersionTLS12 || state.NegotiatedProtocol != "http/1.1" || state.CipherSuite != tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 || state.CurveID != tls.CurveP384 {
		t.Errorf("api.web.test: %v, version %x, protocol %q, suite %x, curve %v", err, state.Version, state.NegotiatedProtocol, state.CipherSuite, state.CurveID)
	}
	if _, err := dial("a.in.test"); err == nil {
		t.Error("a.in.test is served without a certificate")
	}
	own, err := tls.X509KeyPair(s.m.ECDSA("client.test"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dial("a.in.test", own); err != nil {
		t.Errorf("a.in.test with a certificate: %v", err)
	}
}
