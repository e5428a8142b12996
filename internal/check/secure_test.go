package check

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
)

// overTLS answers each request 200 once the handshake is made.
func overTLS(t *testing.T, pair []byte, change func(*tls.Config)) func(net.Conn) {
	t.Helper()
	c, err := tls.X509KeyPair(pair, pair)
	if err != nil {
		t.Fatal(err)
	}
	settings := &tls.Config{Certificates: []tls.Certificate{c}, NextProtos: []string{"http/1.1", "x"}}
	change(settings)
	return func(conn net.Conn) {
		conn = tls.Server(conn, settings)
		r := bufio.NewReader(conn)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			status := "200 OK"
			said := conn.(*tls.Conn).ConnectionState()
			if req.URL.Path == "/sni" && said.ServerName != "web.test" || req.URL.Path == "/alpn" && said.NegotiatedProtocol != "http/1.1" {
				status = "404 Not Found"
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n")
		}
	}
}

// reasons are what both say of why a handshake failed: ours is in parentheses
// behind HAProxy's words.
var reasons = regexp.MustCompile(`(SSL handshake failure|different from the (?:configured|expected) one|SSL fatal error).*`)

func TestChecksOverTLSMeanWhatTheyMeanToHAProxy(t *testing.T) {
	t.Parallel()
	const inter = 4 * time.Second // and the time that a check has
	m, dir := certtest.New(t), t.TempDir()
	revoked := m.Both("web.test")
	for name, data := range map[string][]byte{"ca.pem": m.Authority(), "other.pem": certtest.New(t).Authority(), "client.pem": m.Both("client.test"),
		"all.crl": m.CRL(time.Now().Add(time.Hour), revoked), "past.crl": m.CRL(time.Now().Add(-time.Minute))} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mutual := func(version uint16) func(*tls.Config) {
		return func(c *tls.Config) {
			c.ClientAuth, c.ClientCAs, c.MaxVersion = tls.RequireAndVerifyClientCert, m.Pool(), version
		}
	}
	pair := m.Both("web.test")
	good := listen(t, overTLS(t, pair, func(*tls.Config) {}))
	var text strings.Builder
	names := []string{}
	for _, c := range []struct {
		name  string
		port  int
		lines string
		words string
	}{
		{"good", good, "", "ca-file D/ca.pem"},
		{"good-http", good, "option httpchk GET /", "ca-file D/ca.pem"},
		{"of-another-authority", good, "", "ca-file D/other.pem"},
		{"not-verified", good, "", "verify none"},
		{"of-another-host", good, "", "ca-file D/ca.pem verifyhost shop.test"},
		{"of-the-host", good, "", "ca-file D/ca.pem verifyhost web.test"},
		{"of-another-name", good, "", "ca-file D/ca.pem check-sni shop.test"},
		{"of-the-name", good, "option httpchk GET /sni", "ca-file D/ca.pem check-sni web.test"},
		{"sni-is-not-for-checks", good, "option httpchk GET /sni", "ca-file D/ca.pem sni str(web.test)"},
		{"expired", listen(t, overTLS(t, m.Expired("web.test"), func(*tls.Config) {})), "", "ca-file D/ca.pem"},
		{"revoked", listen(t, overTLS(t, revoked, func(*tls.Config) {})), "", "ca-file D/ca.pem crl-file D/all.crl"},
		{"not-revoked", good, "", "ca-file D/ca.pem crl-file D/all.crl"},
		{"with-a-list-of-the-past", good, "", "ca-file D/ca.pem crl-file D/past.crl"},
		{"no-check-ssl", good, "option httpchk GET /", "verify none no-check-ssl"},
		{"check-ssl-of-a-plain-server", good, "option httpchk GET /", "no-ssl verify none check-ssl"},
		{"port-in-the-clear", good, "option httpchk GET /", fmt.Sprintf("verify none port %d", good)},
		{"port-with-check-ssl", good, "option httpchk GET /", fmt.Sprintf("verify none check-ssl port %d", good)},
		{"no-version-in-common", listen(t, overTLS(t, pair, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })), "", "verify none force-tlsv13"},
		{"in-the-clear", listen(t, func(c net.Conn) {
			_, _ = io.CopyN(io.Discard, c, 10)
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}), "", "verify none"},
		{"closed-at-once", listen(t, func(c net.Conn) { _, _ = io.ReadFull(c, make([]byte, 10)) }), "", "verify none"},
		{"silent", listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), "", "verify none"},
		{"refused", refusing(t), "", "verify none"},
		{"with-our-certificate", listen(t, overTLS(t, pair, mutual(tls.VersionTLS13))), "option httpchk GET /", "verify none crt D/client.pem"},
		{"without-our-certificate", listen(t, overTLS(t, pair, mutual(tls.VersionTLS12))), "", "verify none"},
		{"without-our-certificate-1.3", listen(t, overTLS(t, pair, mutual(tls.VersionTLS13))), "option httpchk GET /", "verify none"},
		{"tcp-check-in-the-clear", good, "option tcp-check\n tcp-check connect", "verify none"},
		{"tcp-check-as-the-server", good, "option tcp-check\n tcp-check connect default", "verify none"},
		{"connect-ssl", good, "option tcp-check\n tcp-check connect ssl", "verify none"},
		{"connect-ssl-of-a-plain-server", good, "option tcp-check\n tcp-check connect ssl", "no-ssl verify none"},
		{"connect-ssl-of-another-authority", good, "option tcp-check\n tcp-check connect ssl", "no-ssl ca-file D/other.pem"},
		{"connect-sni-alone", good, "option httpchk GET /\n http-check connect sni web.test\n http-check send uri /", "verify none"},
		{"connect-ssl-sni", good, "option httpchk\n http-check connect ssl sni web.test\n http-check send uri /sni", "ca-file D/ca.pem check-sni shop.test"},
		{"connect-ssl-of-another-name", good, "option httpchk\n http-check connect ssl sni shop.test\n http-check send uri /", "ca-file D/ca.pem check-sni web.test"},
		{"connect-ssl-without-check-sni", good, "option httpchk\n http-check connect ssl\n http-check send uri /sni", "verify none check-sni web.test"},
		{"connect-ssl-default", good, "option httpchk\n http-check connect ssl default\n http-check send uri /sni", "no-ssl verify none check-sni web.test"},
		{"connect-default-sni", good, "option httpchk\n http-check connect default sni web.test\n http-check send uri /sni", "verify none check-sni shop.test"},
		{"connect-ssl-alpn", good, "option httpchk\n http-check connect ssl alpn http/1.1\n http-check send uri /alpn", "verify none check-alpn x"},
		{"connect-ssl-without-check-alpn", good, "option httpchk\n http-check connect ssl\n http-check send uri /alpn", "verify none check-alpn http/1.1"},
		{"connect-ssl-default-check-alpn", good, "option httpchk\n http-check connect ssl default\n http-check send uri /alpn", "verify none check-alpn http/1.1"},
		{"connect-ssl-and-the-servers-alpn", good, "option httpchk\n http-check connect ssl\n http-check send uri /alpn", "verify none alpn http/1.1"},
		{"the-servers-alpn", good, "option httpchk GET /alpn", "verify none alpn http/1.1"},
		{"check-alpn-before-the-servers", good, "option httpchk GET /alpn", "verify none alpn x check-alpn http/1.1"},
		{"connect-ssl-behind-a-proxy-line", listen(t, func(c net.Conn) {
			for b := []byte{0}; b[0] != '\n'; {
				if _, err := c.Read(b); err != nil {
					return
				}
			}
			overTLS(t, pair, func(*tls.Config) {})(c)
		}), "option httpchk\n http-check connect ssl send-proxy\n http-check send uri /", "verify none"},
		{"connect-ssl-then-in-the-clear", good, "option tcp-check\n tcp-check connect ssl\n tcp-check connect", "verify none"},
	} {
		lines := " " + c.lines + "\n"
		fmt.Fprintf(&text, "backend %s\n%s server s 127.0.0.1:%d ssl check inter %d fall 1 %s\n", c.name, lines, c.port, inter.Milliseconds(), strings.ReplaceAll(c.words, "D/", dir+"/"))
		names = append(names, c.name)
	}
	proxies := parse(t, text.String())
	o := startOracle(t, text.String())
	backends := live(t, proxies...)
	want, differ := map[string]string{}, map[string]string{}
	for until := time.Now().Add(2 * patience); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		o.views(want)
		clear(differ)
		for i, name := range names {
			got := reasons.ReplaceAllString(view(backends[i].Server("s").State()), `$1`)
			if w := reasons.ReplaceAllString(want[name], `$1`); got != w || strings.Contains(got, " INI ") {
				differ[name] = fmt.Sprintf("got %s, HAProxy says %s", got, w)
			}
		}
		if len(differ) == 0 {
			return
		}
	}
	for name, what := range differ {
		t.Errorf("%s: %s", name, what)
	}
}
