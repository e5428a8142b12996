package plane

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
)

// serveOver answers requests over the connections that it makes of those it gets.
func serveOver(t *testing.T, over func(net.Conn) net.Conn) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() { // ends with the listener
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection, which has a deadline
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(2 * patience))
				s := over(c)
				r := bufio.NewReader(s)
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					if _, err := io.Copy(io.Discard, req.Body); err != nil {
						return
					}
					if _, err := io.WriteString(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// shows is a server of TLS with a certificate, its chain and its key.
func shows(t *testing.T, both []byte, change func(*tls.Config)) func(net.Conn) net.Conn {
	t.Helper()
	pair, err := tls.X509KeyPair(both, both)
	if err != nil {
		t.Fatal(err)
	}
	settings := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if change != nil {
		change(settings)
	}
	return func(c net.Conn) net.Conn { return tls.Server(c, settings) }
}

// ask sends a request over a connection of its own, and gives the reply.
func (w *world) ask(request string) string {
	w.t.Helper()
	c, err := net.Dial("tcp", w.site)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, request); err != nil {
		w.t.Fatal(err)
	}
	reply, _ := io.ReadAll(c)
	return string(reply)
}

// trafficLine is the next line of the log that is about a request. Why handshakes
// with a server fail is told there too, when its time has come.
func (w *world) trafficLine() string {
	w.t.Helper()
	for {
		if line := w.nextLine(); !strings.HasPrefix(line, "Server be/s1") {
			return line
		}
	}
}

// TestServersThatAreNotTrustedCostWhatTheyCostWithHAProxy holds what a client gets and
// what the log says where a server's certificate is good, and where it is not.
func TestServersThatAreNotTrustedCostWhatTheyCostWithHAProxy(t *testing.T) {
	t.Parallel()
	root, dir := certtest.New(t), t.TempDir()
	middle := root.Under("middle.test")
	later := time.Now().Add(time.Hour)
	revoked, deepRevoked := root.Both("web.test"), middle.Both("web.test")
	write := func(name string, data ...[]byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, slices.Concat(data...), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := "ca-file " + write("ca.pem", root.Authority())
	lists := ca + " crl-file " + write("all.crl", root.CRL(later, revoked), middle.CRL(later, deepRevoked))
	good := root.Both("web.test")
	for name, test := range map[string]struct {
		over    func(net.Conn) net.Conn
		options string
	}{
		"good":                        {shows(t, good, nil), ca},
		"of another authority":        {shows(t, certtest.New(t).Both("web.test"), nil), ca},
		"of its own":                  {shows(t, own(t, later), nil), ca},
		"of its own, not verified":    {shows(t, own(t, later), nil), "verify none"},
		"expired":                     {shows(t, root.Expired("web.test"), nil), ca},
		"not yet valid":               {shows(t, root.With(early, "web.test"), nil), ca},
		"revoked":                     {shows(t, revoked, nil), lists},
		"not revoked":                 {shows(t, good, nil), lists},
		"below":                       {shows(t, slices.Concat(middle.Both("web.test"), middle.Authority()), nil), lists},
		"below, revoked":              {shows(t, slices.Concat(deepRevoked, middle.Authority()), nil), lists},
		"below, without a list":       {shows(t, slices.Concat(middle.Both("web.test"), middle.Authority()), nil), ca + " crl-file " + write("root.crl", root.CRL(later))},
		"with a list of the past":     {shows(t, good, nil), ca + " crl-file " + write("past.crl", root.CRL(time.Now().Add(-time.Minute)))},
		"of another, lists unused":    {shows(t, own(t, later), nil), "verify none " + strings.TrimPrefix(lists, ca)},
		"of another host":             {shows(t, good, nil), ca + " verifyhost shop.test"},
		"of another name":             {shows(t, good, nil), ca + " sni str(shop.test)"},
		"of the name":                 {shows(t, good, nil), ca + " sni str(web.test)"},
		"for clients":                 {shows(t, root.With(forClients, "web.test"), nil), ca},
		"that speaks no TLS":          {func(c net.Conn) net.Conn { return c }, "verify none"},
		"that wants ours, by TLS 1.2": {shows(t, good, func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12 }), "verify none"},
		"of no version of ours":       {shows(t, good, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), "verify none force-tlsv13"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, request := range []string{"GET / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n", "POST / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\nContent-Length: 5\r\n\r\n12345"} {
				var said [2]string
				for i, start := range []func(*testing.T, *exchange) *world{haproxy, bascule} {
					w := start(t, &exchange{front: "log-format \"%ft %b/%s %ST %tsc %rc %{+Q}r\"", back: "retries 0", addr: serveOver(t, test.over), options: "ssl " + test.options})
					status, _, _ := strings.Cut(w.ask(request), "\r\n")
					said[i] = status + "; " + w.trafficLine()
				}
				if said[0] != said[1] {
					t.Errorf("got  %s\nwant %s", said[1], said[0])
				}
			}
		})
	}
}

func early(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) }

func forClients(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

// serverFetches are the expressions about a server's TLS that both proxies are asked for.
var serverFetches = strings.Fields(`
	ssl_bc ssl_bc_alg_keysize ssl_bc_alpn ssl_bc_cipher ssl_bc_is_resumed ssl_bc_npn ssl_bc_protocol ssl_bc_use_keysize
	ssl_s_chain_der,hex ssl_s_der,hex ssl_s_i_dn ssl_s_i_dn(CN) ssl_s_i_dn(,0,rfc2253) ssl_s_key_alg ssl_s_notafter ssl_s_notbefore ssl_s_s_dn ssl_s_s_dn(CN) ssl_s_s_dn(,0,rfc2253)
	ssl_s_serial,hex ssl_s_sha1,hex ssl_s_sig_alg ssl_s_version
`)

// TestFetchesOfAServersTLSAnswerAsInHAProxy holds what rules on replies and the log
// know of the TLS with a server against what they know in haproxy.
func TestFetchesOfAServersTLSAnswerAsInHAProxy(t *testing.T) {
	t.Parallel()
	root, dir := certtest.New(t), t.TempDir()
	middle := root.Under("middle.test")
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, root.Authority(), 0o600); err != nil {
		t.Fatal(err)
	}
	certificate, key := root.RSA("rsa.test")
	old := func(suite uint16) func(*tls.Config) {
		return func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{suite} }
	}
	var front strings.Builder
	line := "log-format \""
	for i, e := range serverFetches {
		fmt.Fprintf(&front, "http-response set-header X-%d %%[%s]\n", i, e)
		if !strings.Contains(e, "der") { // a line has 1,024 bytes
			line += "[%[" + e + "]] "
		}
	}
	front.WriteString("http-after-response set-header X-After %[ssl_bc_protocol] if { ssl_bc }\n" + line + "\"")
	for name, test := range map[string]struct {
		over    func(net.Conn) net.Conn
		options string
		times   int
	}{
		"1.3":         {over: shows(t, root.Both("web.test"), nil), options: "ssl ca-file " + ca + " ciphersuites TLS_AES_128_GCM_SHA256"},
		"1.2":         {over: shows(t, root.Both("web.test"), old(tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)), options: "ssl ca-file " + ca},
		"rsa":         {over: shows(t, append(certificate, key...), old(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)), options: "ssl ca-file " + ca},
		"below":       {over: shows(t, slices.Concat(middle.Both("web.test"), middle.Authority()), nil), options: "ssl ca-file " + ca + " sni str(web.test)"},
		"alpn":        {over: shows(t, root.Both("web.test"), func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }), options: "ssl verify none alpn http/1.1"},
		"resumed":     {over: shows(t, root.Both("web.test"), nil), options: "ssl verify none", times: 2},
		"resumed 1.2": {over: shows(t, root.Both("web.test"), old(tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)), options: "ssl verify none", times: 2},
		"in clear":    {over: func(c net.Conn) net.Conn { return c }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var said [2]string
			for i, start := range []func(*testing.T, *exchange) *world{haproxy, bascule} {
				w := start(t, &exchange{front: front.String(), addr: serveOver(t, test.over), options: test.options + " pool-max-conn 0"})
				for range max(test.times, 1) {
					said[i] = w.fields("GET / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n") + w.trafficLine()
				}
			}
			got, want := strings.Split(said[1], "\n"), strings.Split(said[0], "\n")
			if !slices.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// fields sends a request over a connection of its own, and gives the reply's head,
// with its fields sorted.
func (w *world) fields(request string) string {
	w.t.Helper()
	head, _, _ := strings.Cut(w.ask(request), "\r\n\r\n")
	list := strings.Split(strings.ToLower(head), "\r\n")
	slices.Sort(list)
	return strings.Join(list, "\n")
}
