package plane

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"bascule/internal/cert/certtest"
)

// TestClientsAreShownWhatLiesBesideAsInHAProxy holds against haproxy what a client sees
// of the files beside a certificate, as global says which are looked for.
func TestClientsAreShownWhatLiesBesideAsInHAProxy(t *testing.T) {
	t.Parallel()
	root, dir := certtest.New(t), t.TempDir()
	middle := root.Under("middle.test")
	certificate, key := middle.ECDSA("web.test")
	response := middle.OCSP(certificate, ocsp.Good, time.Now().Add(time.Hour))
	stamps := []byte("\x00\x0a\x00\x03one\x00\x03two")
	for name, data := range map[string][]byte{
		"full.crt": slices.Concat(certificate, key, middle.Authority()), "full.crt.ocsp": response, "full.crt.sctl": stamps,
		"bare.crt": slices.Concat(certificate, key), "bare.crt.ocsp": response, "bare.crt.issuer": middle.Authority(),
		"short.crt": certificate, "short.key": key, "short.ocsp": response, "short.issuer": middle.Authority(), "short.sctl": stamps,
		"chains/middle.pem": slices.Concat(middle.Authority(), root.Authority()),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		global, crt string
		want        string // certificates, whether there is a response, timestamps
	}{
		{"", "full.crt", "2 true [one two]"},
		{"ssl-load-extra-files none", "full.crt", "2 false []"},
		{"ssl-load-extra-files sctl", "full.crt", "2 false [one two]"},
		{"ssl-load-extra-files ocsp", "full.crt", "2 true []"},
		{"", "bare.crt", "1 true []"},
		{"ssl-load-extra-files key sctl", "bare.crt", "1 false []"},
		{"ssl-load-extra-del-ext", "short.crt", "1 true [one two]"},
		{"ssl-load-extra-del-ext\n    ssl-load-extra-files key", "short.crt", "1 false []"},
		{"issuers-chain-path $/chains", "bare.crt", "3 true []"},
		{"issuers-chain-path $/chains\n    ssl-load-extra-files ocsp", "bare.crt", "3 true []"},
		{"issuers-chain-path $/chains", "full.crt", "2 true [one two]"},
	} {
		t.Run(strings.ReplaceAll(test.crt+" "+test.global, "$/", ""), func(t *testing.T) {
			t.Parallel()
			for ours, start := range []func(*testing.T, *exchange) *world{haproxy, bascule} {
				w := start(t, &exchange{global: strings.ReplaceAll(test.global, "$", dir), front: "http-request return status 200", bind: "ssl crt " + filepath.Join(dir, test.crt)})
				var stamped [][]byte
				for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
					c, err := tls.Dial("tcp", w.site, &tls.Config{InsecureSkipVerify: true, MaxVersion: version}) //nolint:gosec // what is shown is looked at
					if err != nil {
						t.Fatal(err)
					}
					s := c.ConnectionState()
					c.Close()
					if version == tls.VersionTLS12 {
						stamped = s.SignedCertificateTimestamps
					}
					if version == tls.VersionTLS13 && ours == 0 {
						s.SignedCertificateTimestamps = stamped // haproxy has them for TLS 1.2 alone
					}
					if got := fmt.Sprintf("%d %v %s", len(s.PeerCertificates), len(s.OCSPResponse) > 0, s.SignedCertificateTimestamps); got != test.want {
						t.Errorf("%s: got %s, want %s", tls.VersionName(version), got, test.want)
					}
				}
			}
		})
	}
}
