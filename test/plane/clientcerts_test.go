package plane

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
)

// whatPassed is a log-format of what both know of a client's certificate.
const whatPassed = `"P %ST %[ssl_c_verify]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_c_ca_err_depth] %[ssl_c_used] %[ssl_fc_has_crt] %[ssl_c_s_dn]"`

// most are the errors that haproxy ignores where it is told to ignore all: those from 32
// to 63 it forgets.
const most = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,79"

// TestClientsAreJudgedAsInHAProxy holds who is let in and what rules know of each
// against haproxy: certificates of all kinds, and what a bind may ignore of them.
func TestClientsAreJudgedAsInHAProxy(t *testing.T) {
	t.Parallel()
	root, other, dir := certtest.New(t), certtest.New(t), t.TempDir()
	middle, aged := root.Under("middle.test"), root.UnderWith(certtest.Over, "aged.test")
	strange, narrow := other.Under("strange.test"), root.UnderWith(func(c *x509.Certificate) { c.MaxPathLenZero = true }, "narrow.test")
	tooDeep := narrow.Under("deep.test")
	constrained := root.UnderWith(func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"allowed.test"}, true
	}, "constrained.test")
	revoked := root.Both("revoked.test")
	write := func(name string, data ...[]byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, slices.Concat(data...), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	crt, ca, between := write("web.pem", root.Both("web.test")), write("ca.pem", root.Authority()), write("middle.pem", middle.Authority())
	later := time.Now().Add(time.Hour)
	crl := write("all.crl", root.CRL(later, revoked), middle.CRL(later))
	past := write("past.crl", root.CRL(time.Now().Add(-time.Minute), revoked))
	foreign := write("foreign.crl", other.CRL(later))
	list := clients(t, map[string][]byte{
		"good":        root.Both("good.test"),
		"expired":     root.Expired("expired.test"),
		"not yet":     root.With(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, "early.test"),
		"for servers": root.With(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, "server.test"),
		"expired for servers": root.With(func(c *x509.Certificate) {
			certtest.Over(c)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}, "server.test"),
		"revoked":                       revoked,
		"of another":                    other.Both("other.test"),
		"of another, expired":           other.Expired("other.test"),
		"of another, who is shown":      slices.Concat(other.Both("other.test"), other.Authority()),
		"of another, below":             slices.Concat(strange.Both("other.test"), strange.Authority()),
		"of another, all shown":         slices.Concat(strange.Expired("other.test"), strange.Authority(), other.Authority()),
		"below":                         slices.Concat(middle.Both("below.test"), middle.Authority()),
		"below, expired":                slices.Concat(middle.Expired("below.test"), middle.Authority()),
		"below, alone":                  middle.Both("below.test"),
		"below one that is expired":     slices.Concat(aged.Both("client.test"), aged.Authority()),
		"expired, below one that is":    slices.Concat(aged.Expired("client.test"), aged.Authority()),
		"below too many":                slices.Concat(tooDeep.Both("client.test"), tooDeep.Authority(), narrow.Authority()),
		"of a name that is not allowed": slices.Concat(constrained.Both("not.test"), constrained.Authority()),
		"of a name that is allowed":     slices.Concat(constrained.Both("x.allowed.test"), constrained.Authority()),
		"of its own":                    own(t, time.Now().Add(time.Hour)),
		"of its own, expired":           own(t, time.Now().Add(-time.Minute)),
		"none":                          nil,
	})
	for name, settings := range map[string]string{
		"expired clients":                 "verify required ca-file " + ca + " crt-ignore-err 10",
		"unknown clients":                 "verify optional ca-file " + ca + " crt-ignore-err 20,21",
		"unknown clients, not quite":      "verify optional ca-file " + ca + " crt-ignore-err 20",
		"all of clients":                  "verify optional ca-file " + ca + " crt-ignore-err " + most,
		"all of authorities":              "verify optional ca-file " + ca + " ca-ignore-err " + most,
		"expired authorities":             "verify optional ca-file " + ca + " ca-ignore-err 10",
		"unknown authorities":             "verify optional ca-file " + ca + " ca-ignore-err 19,20",
		"all of all":                      "verify required ca-file " + ca + " crt-ignore-err " + most + " ca-ignore-err " + most,
		"all of all, with lists":          "verify required ca-file " + ca + " crl-file " + crl + " crt-ignore-err " + most + " ca-ignore-err " + most,
		"revoked clients":                 "verify required ca-file " + ca + " crl-file " + crl + " crt-ignore-err 23",
		"no list":                         "verify required ca-file " + ca + " crl-file " + crl + " crt-ignore-err 3 ca-ignore-err 3",
		"a list of the past":              "verify required ca-file " + ca + " crl-file " + past + " crt-ignore-err 12 ca-ignore-err 12",
		"all, a list of the past":         "verify required ca-file " + ca + " crl-file " + past + " crt-ignore-err " + most + " ca-ignore-err " + most,
		"a list of another":               "verify required ca-file " + ca + " crl-file " + foreign + " no-ca-names",
		"purposes":                        "verify required ca-file " + ca + " crt-ignore-err 26",
		"long chains":                     "verify required ca-file " + ca + " ca-ignore-err 25",
		"no names":                        "verify required ca-file " + ca + " no-ca-names",
		"more authorities":                "verify required ca-file " + between + " ca-verify-file " + ca,
		"more authorities, ignoring some": "verify required ca-file " + between + " ca-verify-file " + ca + " crt-ignore-err 10",
		"authorities without names":       "verify required ca-verify-file " + ca,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines [2][]string
			for i, start := range []func(*testing.T, *exchange) *world{haproxy, bascule} {
				w := start(t, &exchange{front: "error-log-format " + whatFailed + "\n    log-format " + whatPassed + "\n    http-request return status 200", bind: "ssl crt " + crt + " " + settings})
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

// clients ask for a page with a certificate, its chain and its key, or without; by
// TLS 1.2 and 1.3.
func clients(t *testing.T, shown map[string][]byte) (list []failing) {
	t.Helper()
	for name, data := range shown {
		var pairs []tls.Certificate
		if data != nil {
			pair, err := tls.X509KeyPair(data, data)
			if err != nil {
				t.Fatal(err)
			}
			pairs = append(pairs, pair)
		}
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			asks := &tls.Config{MaxVersion: version, InsecureSkipVerify: true, //nolint:gosec // the balancer judges here
				CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}}
			if pairs != nil { // whatever authorities are named
				asks.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pairs[0], nil }
			}
			list = append(list, failing{name: name + ", " + tls.VersionName(version), do: func(c net.Conn) {
				s := tls.Client(c, asks)
				_, _ = io.WriteString(s, "GET / HTTP/1.0\r\n\r\n")
				_, _ = io.Copy(io.Discard, s)
				_, _ = io.Copy(io.Discard, c)
			}})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list
}

// TestClientsAreToldTheAuthoritiesAsInHAProxy holds against haproxy which names a client
// is told when it is asked for a certificate.
func TestClientsAreToldTheAuthoritiesAsInHAProxy(t *testing.T) {
	t.Parallel()
	root, dir := certtest.New(t), t.TempDir()
	middle := root.Under("middle.test")
	files := map[string][]byte{"web.pem": root.Both("web.test"), "root.pem": root.Authority(), "middle.pem": middle.Authority()}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for settings, names := range map[string]int{
		"ca-file $/root.pem":                                              1,
		"ca-file $/root.pem no-ca-names":                                  0,
		"ca-verify-file $/root.pem":                                       0,
		"ca-file $/middle.pem ca-verify-file $/root.pem":                  1,
		"ca-file $/middle.pem ca-verify-file $/root.pem no-ca-names":      0,
		"ca-file $/root.pem crt-ignore-err all ca-verify-file $/root.pem": 1,
	} {
		t.Run(strings.ReplaceAll(settings, "$/", ""), func(t *testing.T) {
			t.Parallel()
			var told [2][][]byte
			for i, start := range []func(*testing.T, *exchange) *world{haproxy, bascule} {
				w := start(t, &exchange{front: "http-request return status 200", bind: strings.ReplaceAll("ssl crt $/web.pem verify optional "+settings, "$", dir)})
				asks := &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) { //nolint:gosec // the names are what is looked at
					told[i] = r.AcceptableCAs
					return &tls.Certificate{}, nil
				}}
				c, err := tls.Dial("tcp", w.site, asks)
				if err != nil {
					t.Fatal(err)
				}
				c.Close()
			}
			if len(told[0]) != names || !slices.EqualFunc(told[0], told[1], bytes.Equal) {
				t.Errorf("%d names, haproxy has %d, want %d", len(told[1]), len(told[0]), names)
			}
		})
	}
}
