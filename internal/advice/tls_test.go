package advice

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
)

// certificateCases are what a bind with TLS may have; says is "" where there is nothing
// to say.
var certificateCases = []struct{ id, options, says string }{
	{"", "crt good.pem alpn http/1.1", ""},
	{"", "crt week.pem", ""},
	{"", "crt chained.pem", ""},
	{"alpn-h2", "crt good.pem alpn h2,http/1.1", "h2 is never agreed on"},
	{"certificate-ends", "crt good.pem crt expired.pem", "expired at "},
	{"certificate-ends", "crt ending.pem", "expires at "},
	{"certificate-ends", "crt early.pem", "not valid before "},
	{"chain-broken", "crt unchained.pem", "the certificate of its issuer, CN=authority.test, is not behind it"},
	{"chain-broken", "crt wrongly.pem", "the certificate behind it, of CN=other.test, is not that of its issuer, CN=authority.test"},
	{"key-weak", "crt weak.pem", "RSA of 1024 bits"},
}

func TestAdviceOnCertificates(t *testing.T) {
	m, now, dir := certtest.New(t), time.Now(), t.TempDir()
	long := func(c *x509.Certificate) { c.NotAfter = now.Add(60 * 24 * time.Hour) }
	public := func(c *x509.Certificate) {
		long(c)
		c.IssuingCertificateURL = []string{"http://authority.test/ca.crt"}
	}
	for name, data := range map[string][]byte{
		"good.pem": m.With(long, "web.test"), "expired.pem": m.Expired("web.test"), "weak.pem": weak(t, m.With(long, "web.test")),
		"ending.pem": m.With(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = now.Add(-80*24*time.Hour), now.Add(10*24*time.Hour)
		}, "web.test"),
		"week.pem":      m.With(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.Add(-24*time.Hour), now.Add(6*24*time.Hour) }, "web.test"),
		"early.pem":     m.With(func(c *x509.Certificate) { long(c); c.NotBefore = now.Add(time.Hour) }, "web.test"),
		"unchained.pem": m.With(public, "web.test"), "chained.pem": append(m.With(public, "web.test"), m.Authority()...),
		"wrongly.pem": append(m.With(public, "web.test"), m.Under("other.test").Authority()...),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range certificateCases {
		bind := "bind :8443 ssl " + strings.ReplaceAll(c.options, "crt ", "crt "+dir+"/")
		text := strings.Replace(sound, "bind :8080\n", "bind :8080\n    "+bind+"\n", 1)
		list := given(t, text)
		if c.id == "" && len(list) > 0 || c.id != "" && (len(list) != 1 || list[0].ID != c.id || !strings.Contains(list[0].Text, c.says) || list[0].Section != "frontend public") {
			t.Errorf("%s: got %v, want %s: %s", c.options, told(list), c.id, c.says)
		}
	}
}

// weak is a certificate with a key of RSA that is too short, and signed by itself.
func weak(t *testing.T, like []byte) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // what is to be found
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(like)
	template, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	template.SignatureAlgorithm, template.PublicKey = x509.SHA256WithRSA, key.Public() // it signs itself
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Join([][]byte{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
	}, nil)
}
