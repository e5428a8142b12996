package plane

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
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

// ask sends a request over a connection of its own, and gives the reply's status line.
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
	status, _, _ := strings.Cut(string(reply), "\r\n")
	return status
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
					said[i] = w.ask(request) + "; " + w.nextLine()
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
