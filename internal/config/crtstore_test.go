package config

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"bascule/internal/cert/certtest"
)

// storeFiles are certificates of a few names, with what belongs to them elsewhere.
func storeFiles(t *testing.T) map[string]string {
	m := certtest.New(t)
	certificate, key := m.ECDSA("a.test")
	return map[string]string{
		"certs/a.crt": string(certificate), "keys/a.key": string(key), "certs/a.ocsp": string(m.OCSP(certificate, ocsp.Good, time.Now().Add(time.Hour))),
		"certs/a.late": string(m.OCSP(certificate, ocsp.Good, time.Now().Add(-time.Hour))),
		"certs/ca.pem": string(m.Authority()), "certs/a.sctl": "\x00\x03\x00\x01s", "b.pem": string(m.Both("b.test")), "c.pem": string(m.Both("c.test")), "junk": "junk",
		"list": "@web/a [ssl-min-ver TLSv1.3] www.test\n",
	}
}

func storeConfig(store, bind string) string {
	return store + "\ndefaults\n" + timeouts + "frontend f\n    bind 127.0.0.1:18443 ssl " + bind + "\n"
}

func TestCertificatesOfAStoreAreShownByTheirName(t *testing.T) {
	files := storeFiles(t)
	const store = "crt-store web\n    crt-base certs\n    key-base keys\n    load crt a.crt key a.key ocsp a.ocsp issuer ca.pem sctl a.sctl alias a ocsp-update off\n    load crt b.pem\ncrt-store\n    load crt c.pem alias c\n    load crt b.pem"
	files["certs/b.pem"] = files["b.pem"]
	for _, test := range []struct{ bind, name, want string }{
		{"crt @web/a", "", "a.test"},
		{"crt @web/b.pem", "", "b.test"},
		{"crt @/c crt @web/a", "a.test", "a.test"},
		{"crt @/c crt @web/a", "x.test", "c.test"},
		{"crt b.pem crt @/c", "c.test", "c.test"},
		{"crt @/c crt-list list", "www.test", "a.test"},
		{"crt @/c default-crt @web/a", "", "a.test"},
		{"crt @/c default-crt @web/a", "c.test", "c.test"},
		{"default-crt b.pem default-crt c.pem crt @web/a", "", "b.test"},
	} {
		files["t.cfg"] = storeConfig(store, test.bind)
		cfg, p := Load([]string{"t.cfg"}, inMemory(Env{}, files))
		if cfg == nil || len(p.List) > 0 {
			t.Errorf("%s:\n%s", test.bind, printed(p))
			continue
		}
		made := cfg.Proxies[0].Binds[0].TLS
		hello := &tls.ClientHelloInfo{ServerName: test.name, SupportedVersions: []uint16{tls.VersionTLS13}, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}}
		e, err := made.Certificates.Pick(hello, false)
		if err != nil || e.Names[0] != test.want {
			t.Errorf("%s, %q: %v, %v; want %s", test.bind, test.name, e, err, test.want)
			continue
		}
		if test.want != "a.test" {
			continue
		}
		c, err := made.Server().GetCertificate(hello)
		if err != nil || c.OCSPStaple == nil || len(c.SignedCertificateTimestamps) != 1 {
			t.Errorf("%s: no response or no timestamp: %v", test.bind, err)
		}
		if list := made.Files(); !slices.Contains(list, "certs/a.crt") || !slices.Contains(list, "keys/a.key") {
			t.Errorf("%s: files %q", test.bind, list)
		}
	}
}

func TestAStoreIsRefusedInHAProxysWords(t *testing.T) {
	files := storeFiles(t)
	for text, want := range map[string]string{
		"load":                                               "'load' in section 'crt-store': mandatory 'crt' parameter not found.",
		"load alias a":                                       "mandatory 'crt' parameter not found.",
		"load crt":                                           "missing value",
		"load crt b.pem bogus x":                             "'load bogus' in section 'crt-store': unknown keyword 'bogus'.",
		"load crt b.pem alias /b":                            "cannot parse 'alias' value '/b', '/' is forbidden as the first character.",
		"load crt b.pem ocsp-update maybe":                   "cannot parse 'ocsp-update' value 'maybe', 'on' or 'off' is expected.",
		"load crt b.pem ocsp-update on":                      "'ocsp-update on' is known but not supported yet",
		"load crt b.pem acme le":                             "keyword 'acme' is known but not supported yet",
		"load crt none.pem":                                  "'none.pem' cannot be read or parsed.",
		"load crt junk":                                      "unable to load certificate from file 'junk'.",
		"load crt certs/a.crt":                               "No Private Key found in 'certs/a.crt'.",
		"load crt certs/a.crt key junk":                      "No Private Key found in 'junk'.",
		"load crt certs/a.crt key b.pem":                     "inconsistencies between private key and certificate loaded",
		"load crt b.pem sctl junk":                           "'junk' cannot be read or parsed.",
		"load crt b.pem ocsp certs/a.ocsp":                   "it is impossible to compute the OCSP certificate ID",
		"load crt b.pem ocsp certs/a.ocsp issuer junk":       "'junk' cannot be read or parsed'.",
		"load crt b.pem\n    load crt b.pem":                 "store 'b.pem' was already defined.",
		"load crt b.pem alias x\n    load crt c.pem alias x": "store '@/x' was already defined.",
		"crt-base":                                           "'crt-base' requires a <path> argument.",
		"crt-base a b":                                       "cannot handle unexpected argument 'b'.",
		"laod crt b.pem":                                     "unknown keyword 'laod' in 'crt-store' section",
	} {
		files["t.cfg"] = storeConfig("crt-store\n    "+text, "crt c.pem")
		if cfg, p := Load([]string{"t.cfg"}, inMemory(Env{}, files)); cfg != nil || !strings.Contains(printed(p), want) {
			t.Errorf("%s:\ngot  %s\nwant %s", text, printed(p), want)
		}
	}
	files["t.cfg"] = storeConfig("crt-store web bogus", "crt c.pem")
	if cfg, _ := Load([]string{"t.cfg"}, inMemory(Env{}, files)); cfg != nil {
		t.Error("a section with two names loads")
	}
	files["t.cfg"] = storeConfig("crt-store web\n    load crt b.pem", "crt @web/none")
	if cfg, p := Load([]string{"t.cfg"}, inMemory(Env{}, files)); cfg != nil || !strings.Contains(printed(p), "unable to stat SSL certificate from file '@web/none'") {
		t.Errorf("a name that is in no store: %s", printed(p))
	}
	files["t.cfg"] = storeConfig("crt-store\n    load crt certs/a.crt key keys/a.key ocsp certs/a.late issuer certs/ca.pem alias a", "crt @/a")
	if cfg, p := Load([]string{"t.cfg"}, inMemory(Env{}, files)); cfg == nil || !strings.Contains(printed(p), "no longer valid") {
		t.Errorf("a response that is late: %s", printed(p))
	}
}
