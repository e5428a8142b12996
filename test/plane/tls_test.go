package plane

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
)

// tlsFetches are the expressions that both proxies are asked for.
var tlsFetches = strings.Fields(`
	ssl_fc ssl_fc_sni ssl_fc_alpn ssl_fc_npn ssl_fc_protocol ssl_fc_cipher ssl_fc_alg_keysize ssl_fc_use_keysize
	ssl_fc_is_resumed ssl_fc_has_sni ssl_fc_has_crt ssl_fc_has_early ssl_fc_session_id,hex,length ssl_fc_unique_id,hex,length
	fc_err fc_err_str ssl_fc_err ssl_fc_err_str ssl_c_verify ssl_c_err ssl_c_ca_err ssl_c_ca_err_depth
	ssl_c_used ssl_c_der,hex ssl_c_chain_der,hex ssl_c_serial,hex ssl_c_notbefore ssl_c_notafter ssl_c_sha1,hex ssl_c_sig_alg ssl_c_key_alg ssl_c_version
	ssl_c_s_dn ssl_c_s_dn(CN) ssl_c_s_dn(cn) ssl_c_s_dn(CN,1) ssl_c_s_dn(CN,2) ssl_c_s_dn(CN,3) ssl_c_s_dn(CN,-1) ssl_c_s_dn(CN,-2) ssl_c_s_dn(CN,-3) ssl_c_s_dn(CN,0) ssl_c_s_dn(ZZ)
	ssl_c_s_dn(1.2.3.4) ssl_c_s_dn(,1) ssl_c_s_dn(,0,rfc2253) ssl_c_s_dn(CN,1,rfc2253) ssl_c_s_dn(OU,1) ssl_c_s_dn(emailAddress)
	ssl_c_s_dn(emailaddress) ssl_c_s_dn(L,1) ssl_c_i_dn ssl_c_i_dn(CN) ssl_c_i_dn(,0,rfc2253) ssl_c_i_dn(CN,1,)
	ssl_f_der,hex ssl_f_i_dn ssl_f_i_dn(CN) ssl_f_key_alg ssl_f_notafter ssl_f_notbefore ssl_f_s_dn ssl_f_s_dn(CN) ssl_f_s_dn(,0,rfc2253) ssl_f_serial,hex ssl_f_sha1,hex ssl_f_sig_alg ssl_f_version
`)

// tlsDiffers names what cannot be had from crypto/tls, and what bascule
// says.
var tlsDiffers = map[string]string{"ssl_fc_session_id,hex,length": "[]"} // crypto/tls does not tell it

// awkward is a client's name with what the forms of names treat each in its way:
// values given twice, two in one set, a kind that nobody knows, and characters that
// are escaped.
func awkward(t *testing.T) []byte {
	t.Helper()
	set := func(list ...pkix.AttributeTypeAndValue) pkix.RelativeDistinguishedNameSET { return list }
	is := func(value any, oid ...int) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: oid, Value: value}
	}
	wide := asn1.RawValue{Tag: asn1.TagBMPString, Bytes: []byte{0x20, 0xac, 0, 'x'}}
	der, err := asn1.Marshal(pkix.RDNSequence{
		set(is("FR", 2, 5, 4, 6)), set(is("Exa, mple <\"+;\\>", 2, 5, 4, 10)), set(is("first", 2, 5, 4, 3)), set(is("#unité ", 2, 5, 4, 11)),
		set(is("of two", 2, 5, 4, 12), is("and two", 2, 5, 4, 13)), set(is("second", 2, 5, 4, 3)), set(is("secret", 1, 2, 3, 4)), set(is(wide, 2, 5, 4, 7)),
		set(is("a@b.test", 1, 2, 840, 113549, 1, 9, 1)), set(is("7\x01", 2, 5, 4, 5)), set(is("u1", 0, 9, 2342, 19200300, 100, 1, 1)), set(is("test", 0, 9, 2342, 19200300, 100, 1, 25)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// clientChain is a client's certificate by an intermediate authority, and the
// authority's file for the proxies.
func clientChain(t *testing.T) (chain tls.Certificate, ca []byte) {
	t.Helper()
	from := time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)
	sign := func(template, parent *x509.Certificate, key *ecdsa.PrivateKey, signer *ecdsa.PrivateKey) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	authority := func(name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Country: []string{"DE"}}, NotBefore: from, NotAfter: from.AddDate(60, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	}
	rootKey, middleKey, leafKey := key(), key(), key()
	root := sign(authority("root.test"), authority("root.test"), rootKey, rootKey)
	middle := sign(authority("middle.test"), root, middleKey, rootKey)
	serial, _ := new(big.Int).SetString("f0123456789abcdef0123456789abcdef0", 16)
	leaf := sign(&x509.Certificate{SerialNumber: serial, RawSubject: awkward(t), NotBefore: from, NotAfter: from.AddDate(40, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, middle, leafKey, middleKey)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, middle.Raw}, PrivateKey: leafKey}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
}

// TestFetchesOfTLSAnswerAsInHAProxy holds what rules know of a client's TLS against
// what they know in haproxy, connection by connection.
func TestFetchesOfTLSAnswerAsInHAProxy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	maker := certtest.New(t)
	chain, ca := clientChain(t)
	body := bytes.NewBufferString("tags [%sslv %sslc %ft %{+Q}sslv]\n")
	for _, e := range tlsFetches {
		body.WriteString(e + " [%[" + e + "]]\n")
	}
	crt := "ssl crt " + write("web.pem", maker.Both("web.test", "other.test")) + " ca-file " + write("ca.pem", ca) + " verify optional alpn http/1.1"
	front := "http-request return status 200 content-type text/plain lf-file " + write("body", body.Bytes())
	aes := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384} // proxies choose differently among several
	rsa, key := maker.RSA("rsa.test")
	for name, test := range map[string]struct {
		bind   string
		client *tls.Config
		again  bool
	}{
		"1.3":                            {client: &tls.Config{ServerName: "web.test"}},
		"1.2":                            {client: &tls.Config{ServerName: "Other.test", MaxVersion: tls.VersionTLS12, CipherSuites: aes, NextProtos: []string{"http/1.1"}}},
		"1.3 with a certificate":         {client: &tls.Config{Certificates: []tls.Certificate{chain}}},
		"1.2 with a certificate":         {client: &tls.Config{Certificates: []tls.Certificate{chain}, ServerName: "unknown.test", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}}},
		"1.3 resumed":                    {client: &tls.Config{ServerName: "web.test"}, again: true},
		"1.2 resumed":                    {client: &tls.Config{ServerName: "web.test", MaxVersion: tls.VersionTLS12, CipherSuites: aes}, again: true},
		"1.3 resumed with a certificate": {client: &tls.Config{Certificates: []tls.Certificate{chain}, ServerName: "web.test"}, again: true},
		"1.2 resumed with a certificate": {client: &tls.Config{Certificates: []tls.Certificate{chain}, ServerName: "web.test", MaxVersion: tls.VersionTLS12, CipherSuites: aes}, again: true},
		"rsa":                            {bind: "ssl crt " + write("rsa.pem", append(rsa, key...)) + " ciphers ECDHE-RSA-AES256-SHA", client: &tls.Config{ServerName: "rsa.test", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}}},
		"in clear":                       {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := &exchange{front: front, bind: crt, global: "ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256"}
			if test.bind != "" {
				x.bind = test.bind
			}
			if test.client == nil {
				x.bind = ""
			}
			var said [2]map[string]string
			for i, start := range []func(*testing.T, *exchange) *world{haproxy, bascule} {
				w := start(t, x)
				client := test.client.Clone()
				if client != nil {
					client.InsecureSkipVerify = true //nolint:gosec // the proxies' certificates are those of this test
					client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				}
				said[i] = asked(t, w.site, client)
				if test.again {
					said[i] = asked(t, w.site, client)
				}
			}
			for _, e := range append([]string{"tags"}, tlsFetches...) {
				want, differs := tlsDiffers[e]
				if !differs {
					want = said[0][e]
				}
				if e == "ssl_fc_unique_id,hex,length" && said[1]["ssl_fc_protocol"] == "[TLSv1.3]" {
					want = "[]" // RFC 8446, appendix C.5: it is not defined
				}
				if got := said[1][e]; got != want {
					t.Errorf("%s: %q, want %q", e, got, want)
				}
			}
		})
	}
}

// asked is what a proxy answers to each expression.
func asked(t *testing.T, addr string, client *tls.Config) map[string]string {
	t.Helper()
	scheme := "https"
	if client == nil {
		scheme = "http"
	}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: client, DisableKeepAlives: true}, Timeout: patience}
	resp, err := c.Get(scheme + "://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]string)
	for line := range strings.Lines(string(body)) {
		e, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		values[e] = value
	}
	return values
}
