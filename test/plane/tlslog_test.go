package plane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
)

// A failing is a client whose handshake does not end well.
type failing struct {
	name  string
	do    func(c net.Conn)
	quiet bool // option dontlognull leaves it out
}

// shakes makes a client of TLS that gives up where the balancer does.
func shakes(settings *tls.Config) func(net.Conn) {
	settings.InsecureSkipVerify = settings.RootCAs == nil //nolint:gosec // the balancer judges here, not the client
	return func(c net.Conn) {
		t := tls.Client(c, settings)
		if t.Handshake() == nil {
			_, _ = io.Copy(io.Discard, t) // in TLS 1.3 the balancer judges last
		}
		_, _ = io.Copy(io.Discard, c) // what is left unread would be a reset
	}
}

func says(text string, rest bool) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		if rest {
			_, _ = io.Copy(io.Discard, c)
		}
	}
}

const halfHello = "\x16\x03\x01\x02\x00\x01"

// failings are clients of a balancer that wants a certificate of its own authority.
func failings(t *testing.T) []failing {
	shown := func(maker *certtest.Maker) []tls.Certificate {
		pair, err := tls.X509KeyPair(maker.ECDSA("client.test"))
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{pair}
	}
	return []failing{
		{"an old version", shakes(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), false}, //nolint:gosec // to be refused
		{"no shared cipher", shakes(&tls.Config{ServerName: "web.test", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}), false},
		{"no certificate", shakes(&tls.Config{ServerName: "web.test"}), false},
		{"no certificate, 1.2", shakes(&tls.Config{ServerName: "web.test", MaxVersion: tls.VersionTLS12}), false},
		{"one of another authority", shakes(&tls.Config{Certificates: shown(certtest.New(t))}), false},
		{"one of another authority, 1.2", shakes(&tls.Config{Certificates: shown(certtest.New(t)), MaxVersion: tls.VersionTLS12}), false},
		{"one of its own", shakes(&tls.Config{Certificates: ownSigned(t)}), false},
		{"a balancer that is not trusted", shakes(&tls.Config{ServerName: "web.test", RootCAs: x509.NewCertPool(), MaxVersion: tls.VersionTLS12}), false},
		{"HTTP in clear", says("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true), false},
		{"no TLS", says("SSH-2.0-client\r\n", true), false},
		{"nothing", func(net.Conn) {}, true},
		{"half a hello", says(halfHello, false), true},
		{"half a hello and a reset", func(c net.Conn) {
			_, _ = io.WriteString(c, halfHello)
			taken(t, c)
			_ = c.(*net.TCPConn).SetLinger(0)
		}, false},
	}
}

// ownSigned is a certificate that nobody vouches for.
func ownSigned(t *testing.T) []tls.Certificate {
	both := own(t, time.Now().Add(time.Hour))
	pair, err := tls.X509KeyPair(both, both)
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{pair}
}

// own is one in PEM with its key, good until a time.
func own(t *testing.T, until time.Time) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "own.test"}, NotBefore: until.Add(-2 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// whatFailed is an error-log-format of what both know of a handshake that failed;
// the version and the cipher of one that never began are OpenSSL's guess.
const whatFailed = `"E %ci %ft %b/%s %ST %Tc %tsc %{+Q}r %[fc_err]/%[fc_err_str]/%[ssl_fc_err]/%[ssl_fc_err,hex]/%[ssl_fc_err_str]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_c_ca_err_depth]/%[ssl_c_verify] ` +
	`%[ssl_fc] %[ssl_c_used] %[ssl_fc_has_crt] %[ssl_c_s_dn]"`

var (
	ofEach = regexp.MustCompile(`127\.[0-9.]+:\d+ \[[^]]+\]`)
	why    = regexp.MustCompile(`(SSL (?:handshake failure|client certificate not trusted)) \(.+\)$`)
)

// nextLine is the next line of the log, without what is of each run alone.
func (w *world) nextLine() string {
	w.t.Helper()
	buf := make([]byte, 8192)
	_ = w.log.SetReadDeadline(time.Now().Add(patience))
	n, _, err := w.log.ReadFrom(buf)
	if err != nil {
		w.t.Fatalf("the log: %v", err)
	}
	line := logHead.ReplaceAllString(strings.TrimSpace(string(buf[:n])), "")
	return ofEach.ReplaceAllString(line, "CLIENT")
}

func (w *world) fail(f failing) {
	w.t.Helper()
	c, err := net.Dial("tcp", w.site)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	f.do(c)
	_ = c.Close()
}

// TestFailedHandshakesAreLoggedAsInHAProxy holds the lines of handshakes that fail
// against haproxy's, in the form of every log and in that of an error-log-format, and
// which of them option dontlognull leaves out.
func TestFailedHandshakesAreLoggedAsInHAProxy(t *testing.T) {
	t.Parallel()
	bind := mutual(t)
	list := failings(t)
	loud := slices.DeleteFunc(slices.Clone(list), func(f failing) bool { return f.quiet })
	quiet := slices.DeleteFunc(slices.Clone(list), func(f failing) bool { return !f.quiet })
	for name, test := range map[string]struct {
		front string
		list  []failing
		lines int
	}{
		"lines":            {"", list, len(list)},
		"error-log-format": {"error-log-format " + whatFailed, list, len(list)},
		"dontlognull":      {"option dontlognull", append(slices.Clone(quiet), loud...), len(loud)},
		"silence":          {"timeout client 4s", []failing{{"silence", says("", true), true}, {"half a hello and silence", says(halfHello, true), true}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines [2][]string
			for i, start := range []func(*testing.T, *exchange) *world{haproxy, bascule} {
				w := start(t, &exchange{front: test.front, bind: bind, defaults: "option httpslog"})
				for _, f := range test.list {
					w.fail(f)
					if name != "dontlognull" || !f.quiet {
						lines[i] = append(lines[i], f.name+": "+why.ReplaceAllString(w.nextLine(), "$1"))
					}
				}
			}
			if len(lines[0]) != test.lines {
				t.Errorf("%d lines, want %d", len(lines[0]), test.lines)
			}
			for i, want := range lines[0] {
				if got := lines[1][i]; got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			}
		})
	}
}

// TestRevokedClientsAreLoggedAsInHAProxy holds what becomes of clients where there are
// lists of revoked certificates, and the line of each, against haproxy.
func TestRevokedClientsAreLoggedAsInHAProxy(t *testing.T) {
	t.Parallel()
	root, dir := certtest.New(t), t.TempDir()
	middle := root.Under("middle.test")
	later := time.Now().Add(time.Hour)
	bad, deepBad := root.Both("bad.test"), middle.Both("bad.test")
	write := func(name string, data ...[]byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, slices.Concat(data...), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca, crt := write("ca.pem", root.Authority()), write("web.pem", root.Both("web.test"))
	var list []failing
	for name, c := range map[string][2][]byte{
		"good": {root.Both("good.test")}, "revoked": {bad}, "of another": {certtest.New(t).Both("other.test")},
		"below": {middle.Both("deep.test"), middle.Authority()}, "revoked below": {deepBad, middle.Authority()},
	} {
		pair, err := tls.X509KeyPair(slices.Concat(c[0], c[1]), c[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			asks := &tls.Config{Certificates: []tls.Certificate{pair}, MaxVersion: version, InsecureSkipVerify: true, //nolint:gosec // the balancer judges here
				CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}}
			list = append(list, failing{name: name + ", " + tls.VersionName(version), do: func(c net.Conn) {
				s := tls.Client(c, asks)
				_, _ = io.WriteString(s, "GET / HTTP/1.0\r\n\r\n")
				_, _ = io.Copy(io.Discard, s)
				_, _ = io.Copy(io.Discard, c)
			}})
		}
	}
	for name, crl := range map[string]string{
		"of the root":        write("root.crl", root.CRL(later, bad)),
		"of both":            write("both.crl", root.CRL(later, bad), middle.CRL(later, deepBad)),
		"of the other alone": write("middle.crl", middle.CRL(later)),
		"the other revoked":  write("revoked.crl", root.CRL(later, middle.Authority()), middle.CRL(later)),
		"of the past":        write("past.crl", root.CRL(time.Now().Add(-time.Minute))),
		"of the future":      write("future.crl", root.CRL(later.Add(24*time.Hour))),
		"none":               ca,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bind := "ssl crt " + crt + " ca-file " + ca + " verify optional crl-file " + crl
			var lines [2][]string
			for i, start := range []func(*testing.T, *exchange) *world{haproxy, bascule} {
				w := start(t, &exchange{front: "error-log-format " + whatFailed + "\n    log-format \"%ft %ST\"\n    http-request return status 200", bind: bind})
				for _, f := range list {
					w.fail(f)
					lines[i] = append(lines[i], f.name+": "+w.nextLine())
				}
			}
			for i, want := range lines[0] {
				if got := lines[1][i]; got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			}
		})
	}
}

// mutual is a bind that wants certificates of its own authority.
func mutual(t *testing.T) string {
	t.Helper()
	maker, dir := certtest.New(t), t.TempDir()
	for name, data := range map[string][]byte{"web.pem": maker.Both("web.test"), "ca.pem": maker.Authority()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return "ssl crt " + filepath.Join(dir, "web.pem") + " ca-file " + filepath.Join(dir, "ca.pem") + " verify required"
}

// TestHTTPSLogAsInHAProxy compares the lines of requests that came by TLS.
func TestHTTPSLogAsInHAProxy(t *testing.T) {
	t.Parallel()
	bind := strings.Replace(mutual(t), "required", "optional", 1)
	sizes := regexp.MustCompile(` \d+/-1/-1/-1/\d+ 200 \d+ `)
	for name, settings := range map[string]*tls.Config{
		"1.3": {ServerName: "web.test"}, "1.2 without a name": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}},
		"resumed": {ServerName: "web.test", ClientSessionCache: tls.NewLRUClientSessionCache(1)}, "in clear": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines [2][]string
			for i, start := range []func(*testing.T, *exchange) *world{haproxy, bascule} {
				x := &exchange{bind: bind, defaults: "option httpslog", front: "http-request return status 200", global: "ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256"}
				url := "https://"
				if settings == nil {
					x.bind, url = "", "http://"
				}
				w := start(t, x)
				client := settings.Clone()
				if client != nil {
					client.InsecureSkipVerify = true //nolint:gosec // the proxies' certificates are those of this test
				}
				c := &http.Client{Transport: &http.Transport{TLSClientConfig: client, DisableKeepAlives: true}, Timeout: patience}
				for range 2 {
					resp, err := c.Get(url + w.site + "/")
					if err != nil {
						t.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					lines[i] = append(lines[i], sizes.ReplaceAllString(w.nextLine(), " SIZES "))
				}
			}
			for i, want := range lines[0] {
				if got := lines[1][i]; got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			}
		})
	}
}
