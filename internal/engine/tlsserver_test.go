package engine

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
)

// A tlsServer answers over TLS with what it was sent, and says in its reply's
// fields what it knows of the connection. /websocket and the like are not its.
type tlsServer struct {
	addr string
	srv  *http.Server
}

// serveTLS starts one that shows the pair in PEM.
func serveTLS(t *testing.T, pair []byte, change func(*tls.Config)) *tlsServer {
	t.Helper()
	c, err := tls.X509KeyPair(pair, pair)
	if err != nil {
		t.Fatal(err)
	}
	settings := &tls.Config{Certificates: []tls.Certificate{c}}
	if change != nil {
		change(settings)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &tlsServer{addr: l.Addr().String()}
	s.srv = &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Conn", r.RemoteAddr)
		if r.TLS != nil {
			h.Set("X-Sni", r.TLS.ServerName)
			h.Set("X-Resumed", fmt.Sprint(r.TLS.DidResume))
			h.Set("X-Version", tls.VersionName(r.TLS.Version))
			h.Set("X-Alpn", r.TLS.NegotiatedProtocol)
			if len(r.TLS.PeerCertificates) > 0 {
				h.Set("X-Peer", r.TLS.PeerCertificates[0].Subject.CommonName)
			}
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		_, _ = w.Write(body)
	})}
	go func() { _ = s.srv.Serve(tls.NewListener(l, settings)) }() // until the test ends
	t.Cleanup(func() { _ = s.srv.Close() })
	return s
}

// tlsBackend is a balancer in the clear in front of servers that speak TLS.
type tlsBackend struct {
	*balancer
	m     *certtest.Maker
	addr  string
	lines string
}

func (b *tlsBackend) text(lines string) string {
	return "global\n  stats socket $DIR/sock level admin\n  nbthread 2\ndefaults\n  mode http\n  timeout client 20s\n  timeout server 20s\n  timeout connect 10s\n  retries 1\n" +
		"frontend f\n  bind " + b.addr + "\n  default_backend b\nbackend b\n" + lines
}

// newTLSBackend runs one: lines of the backend, where $SERVER stands for a server
// with a certificate of web.test.
func newTLSBackend(t *testing.T, lines string, change func(*tls.Config)) *tlsBackend {
	t.Helper()
	m := certtest.New(t)
	server := serveTLS(t, m.Both("web.test", "*.web.test"), change)
	return tlsBackendIn(t, m, strings.ReplaceAll(lines, "$SERVER", server.addr))
}

func tlsBackendIn(t *testing.T, m *certtest.Maker, lines string) *tlsBackend {
	t.Helper()
	b := &tlsBackend{balancer: &balancer{dir: shortDir(t), t: t}, m: m, addr: freeAddr(t), lines: lines}
	site := &tlsSite{balancer: b.balancer, t: t}
	site.write("ca.pem", m.Authority())
	site.write("other.pem", certtest.New(t).Authority())
	site.write("client.pem", m.Both("client.test"))
	site.write("stranger.pem", certtest.New(t).Both("stranger.test"))
	b.balancer = runIn(t, b.dir, b.text(lines))
	return b
}

// get sends a request over a connection of its own.
func (b *tlsBackend) get(host string) *http.Response {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+b.addr+"/", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Host, req.Close = host, true
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		b.t.Fatal(err)
	}
	return resp
}

func TestRequestsGoToServersOverTLS(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		b := newTLSBackend(t, "  server s $SERVER ssl verify required ca-file $DIR/ca.pem sni str(web.test)\n", func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version })
		client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
		conns := map[string]bool{}
		for _, size := range []int{0, 10, 100_000, 5 << 20} {
			body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			resp, err := client.Post("http://"+b.addr+"/", "text/plain", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || !bytes.Equal(got, body) || resp.Header.Get("X-Sni") != "web.test" || resp.Header.Get("X-Version") != tls.VersionName(version) {
				t.Errorf("%d bytes: %d came back, %v; %v", size, len(got), err, resp.Header)
			}
			conns[resp.Header.Get("X-Conn")] = true
		}
		client.CloseIdleConnections()
		if len(conns) != 1 {
			t.Errorf("four requests of one client took %d connections to the server", len(conns))
		}
	}
}

func TestWhichServersAreTrusted(t *testing.T) {
	m := certtest.New(t)
	good := serveTLS(t, m.Both("web.test", "*.web.test"), nil)
	expired := serveTLS(t, m.Expired("web.test"), nil)
	plain := strings.TrimPrefix(echoServer(t), "http://")
	for name, test := range map[string]struct {
		server, options string
		status          int
	}{
		"of our authority":                     {good.addr, "verify required ca-file $DIR/ca.pem", 200},
		"verified where nothing is said":       {good.addr, "ca-file $DIR/ca.pem", 200},
		"of another authority":                 {good.addr, "verify required ca-file $DIR/other.pem", 503},
		"of another authority, not verified":   {good.addr, "verify none ca-file $DIR/other.pem", 200},
		"expired":                              {expired.addr, "ca-file $DIR/ca.pem", 503},
		"expired, not verified":                {expired.addr, "verify none", 200},
		"of the host":                          {good.addr, "ca-file $DIR/ca.pem verifyhost web.test", 200},
		"of the host by a star":                {good.addr, "ca-file $DIR/ca.pem verifyhost a.web.test", 200},
		"a star is one label":                  {good.addr, "ca-file $DIR/ca.pem verifyhost a.b.web.test", 503},
		"of another host":                      {good.addr, "ca-file $DIR/ca.pem verifyhost shop.test", 503},
		"of another host, not verified":        {good.addr, "verify none verifyhost shop.test", 200},
		"of the name":                          {good.addr, "ca-file $DIR/ca.pem sni str(web.test)", 200},
		"of another name":                      {good.addr, "ca-file $DIR/ca.pem sni str(shop.test)", 503},
		"of another name and the host":         {good.addr, "ca-file $DIR/ca.pem sni str(shop.test) verifyhost web.test", 200},
		"who does not speak TLS":               {plain, "verify none", 503},
		"who speaks no version that we do":     {good.addr, "verify none force-tlsv12 no-ssl-reuse", 200},
		"who speaks TLS where we do not":       {plain, "no-ssl", 200},
		"by a name that the request gives":     {good.addr, "ca-file $DIR/ca.pem sni req.hdr(host)", 200},
		"by a name that the request has wrong": {good.addr, "ca-file $DIR/ca.pem sni req.hdr(x-none),lower", 200},
	} {
		t.Run(name, func(t *testing.T) {
			b := tlsBackendIn(t, m, "  option redispatch\n  server s "+test.server+" ssl "+test.options+"\n")
			if resp := b.get("web.test"); resp.StatusCode != test.status {
				t.Errorf("status %d, want %d", resp.StatusCode, test.status)
			}
		})
	}
}

func TestWeShowServersOurCertificate(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for options, want := range map[string]string{
			"crt $DIR/client.pem": "200 client.test", "crt $DIR/stranger.pem": "refused", "": "refused",
		} {
			m := certtest.New(t)
			server := serveTLS(t, m.Both("web.test"), func(c *tls.Config) {
				c.ClientAuth, c.ClientCAs, c.MinVersion, c.MaxVersion = tls.RequireAndVerifyClientCert, m.Pool(), version, version
			})
			b := tlsBackendIn(t, m, "  server s "+server.addr+" ssl ca-file $DIR/ca.pem "+options+"\n")
			resp := b.get("web.test")
			got := fmt.Sprintf("%d %s", resp.StatusCode, resp.Header.Get("X-Peer"))
			if resp.StatusCode >= 500 { // 503, or 502 where TLS 1.3 tells it behind its handshake
				got = "refused"
			}
			if got != want {
				t.Errorf("%s, %q: %s, want %s", tls.VersionName(version), options, got, want)
			}
		}
	}
}

func TestAKeptConnectionServesItsNameOnly(t *testing.T) {
	b := newTLSBackend(t, "  http-reuse always\n  server s $SERVER ssl ca-file $DIR/ca.pem sni req.hdr(host) pool-low-conn 100\n", nil)
	of := map[string]map[string]bool{} // the connections of each name
	for range 10 {
		for _, host := range []string{"a.web.test", "b.web.test"} {
			resp := b.get(host)
			if resp.StatusCode != 200 || resp.Header.Get("X-Sni") != host {
				t.Fatalf("%s: %d, %v", host, resp.StatusCode, resp.Header)
			}
			if of[host] == nil {
				of[host] = map[string]bool{}
			}
			of[host][resp.Header.Get("X-Conn")] = true
		}
	}
	for conn := range of["a.web.test"] {
		if of["b.web.test"][conn] {
			t.Errorf("%s served both names", conn)
		}
	}
	if len(of["a.web.test"]) > 2 || len(of["b.web.test"]) > 2 { // one of each loop
		t.Errorf("connections were not kept: %v", of)
	}
}

func TestSessionsAreResumed(t *testing.T) {
	for options, want := range map[string]string{"": "true", "no-ssl-reuse": "false", "no-tls-tickets": "false"} {
		line := "  server s $SERVER ssl ca-file $DIR/ca.pem pool-max-conn 0 " + options + "\n"
		b := newTLSBackend(t, line, nil)
		for i := range 3 {
			resp := b.get("web.test")
			if got := resp.Header.Get("X-Resumed"); i > 0 && got != want {
				t.Errorf("%q, connection %d: resumed %s, want %s", options, i, got, want)
			}
			b.reload(b.text(b.lines)) // costs no handshake
		}
	}
}

func TestAReloadChangesTheTLSOfAServer(t *testing.T) {
	b := newTLSBackend(t, "  http-reuse always\n  server s $SERVER ssl ca-file $DIR/ca.pem crt $DIR/client.pem\n", func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert })
	if resp := b.get("web.test"); resp.Header.Get("X-Peer") != "client.test" {
		t.Fatalf("%v", resp.Header)
	}
	b.reload(b.text(strings.Replace(b.lines, "client.pem", "stranger.pem", 1)))
	if resp := b.get("web.test"); resp.Header.Get("X-Peer") != "stranger.test" {
		t.Errorf("behind a reload with another certificate: %v", resp.Header)
	}
	b.reload(b.text(strings.Replace(b.lines, "ca.pem", "other.pem", 1)))
	if resp := b.get("web.test"); resp.StatusCode != 503 {
		t.Errorf("behind a reload with another authority: %d", resp.StatusCode)
	}
}

func TestTheHostNamesTheServer(t *testing.T) {
	b := newTLSBackend(t, "  http-reuse always\n  server s $SERVER ssl ca-file $DIR/ca.pem sni-auto\n", nil)
	for host, want := range map[string]string{"web.test": "web.test", "a.web.test:8080": "a.web.test"} {
		if resp := b.get(host); resp.StatusCode != 200 || resp.Header.Get("X-Sni") != want {
			t.Errorf("%s: %d, %v", host, resp.StatusCode, resp.Header)
		}
	}
	if resp := b.get("shop.test"); resp.StatusCode != 503 {
		t.Errorf("of a name that is not its own: %d", resp.StatusCode)
	}
}

// TestARevokedServerIsLeftBehindAReload: neither its kept connections nor its
// sessions are used any more.
func TestARevokedServerIsLeftBehindAReload(t *testing.T) {
	m := certtest.New(t)
	shown := m.Both("web.test")
	server := serveTLS(t, shown, nil)
	b := tlsBackendIn(t, m, "  http-reuse always\n  server s "+server.addr+" ssl ca-file $DIR/ca.pem\n")
	if resp := b.get("web.test"); resp.StatusCode != 200 {
		t.Fatalf("before the reload: %d", resp.StatusCode)
	}
	site := &tlsSite{balancer: b.balancer, t: t}
	for _, c := range []struct {
		crl    []byte
		status int
	}{{m.CRL(time.Now().Add(time.Hour)), 200}, {m.CRL(time.Now().Add(time.Hour), shown), 503}, {m.CRL(time.Now().Add(time.Hour)), 200}} {
		site.write("crl.pem", c.crl)
		b.reload(b.text(strings.Replace(b.lines, "ca.pem", "ca.pem crl-file $DIR/crl.pem", 1)))
		for range 2 {
			if resp := b.get("web.test"); resp.StatusCode != c.status {
				t.Errorf("behind a reload: %d, want %d", resp.StatusCode, c.status)
			}
		}
	}
}

func TestHandshakesWithServersWeDoNotTrustAreCounted(t *testing.T) {
	page := freeAddr(t)
	b := newTLSBackend(t, "  server s $SERVER ssl ca-file $DIR/other.pem\nfrontend page\n  bind "+page+"\n  http-request use-service prometheus-exporter\n", nil)
	if resp := b.get("web.test"); resp.StatusCode != 503 {
		t.Fatalf("status %d", resp.StatusCode)
	}
	want := regexp.MustCompile(`handshakes_total{side="backend",result="certificate"} [1-9]`)
	var metrics []byte
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", metrics)
		}
	})
	eventually(t, "the handshakes are counted", func() bool {
		resp, err := http.Get("http://" + page + "/metrics") //nolint:gosec // of this test
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		metrics, _ = io.ReadAll(resp.Body)
		return want.Match(metrics)
	})
}
