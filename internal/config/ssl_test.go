package config

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"bascule/internal/cert/certtest"
	"bascule/internal/lang"
)

// verdictOf is the severity and the text of the first problem, without where it is,
// and with what is ours alone taken away.
var verdictOf = regexp.MustCompile(`(?m)^\[(ALERT|WARNING)\] +\(\d+\) : config : (?:parsing \[[^]]*\] : )?(.*)$`)

func TestBindsWithTLSAreTakenAsHAProxyTakesThem(t *testing.T) {
	dir := t.TempDir()
	m := certtest.New(t)
	short, long := strings.Repeat("Abc1", 16)+"\n", strings.Repeat("A", 107)+"=\n" // 48 and 80 bytes
	certificate, key := m.ECDSA("web.test")
	other, otherKey := m.RSA("web.test")
	later := time.Now().Add(time.Hour)
	stapled := slices.Concat(certificate, m.Authority(), key)
	for name, data := range map[string][]byte{
		"good.pem": stapled, "good.pem.ocsp": m.OCSP(certificate, ocsp.Good, later), "revoked.pem": stapled, "revoked.pem.ocsp": m.OCSP(certificate, ocsp.Revoked, later),
		"unknown.pem": stapled, "unknown.pem.ocsp": m.OCSP(certificate, ocsp.Unknown, later), "late.pem": stapled, "late.pem.ocsp": m.OCSP(certificate, ocsp.Good, later.Add(-2*time.Hour)),
		"garbled.pem": stapled, "garbled.pem.ocsp": []byte("junk"), "other.pem": stapled, "other.pem.ocsp": m.OCSP(other, ocsp.Good, later),
		"nobody.pem": append(bytes.Clone(certificate), key...), "nobody.pem.ocsp": m.OCSP(certificate, ocsp.Good, later),
		"issued.pem": append(bytes.Clone(certificate), key...), "issued.pem.ocsp": m.OCSP(certificate, ocsp.Good, later), "issued.pem.issuer": m.Authority(),
		"wrongly.pem": append(bytes.Clone(certificate), key...), "wrongly.pem.ocsp": m.OCSP(certificate, ocsp.Good, later), "wrongly.pem.issuer": other,
		"badly.pem": append(bytes.Clone(certificate), key...), "badly.pem.ocsp": m.OCSP(certificate, ocsp.Good, later), "badly.pem.issuer": []byte("junk"),
		"both.pem": append(bytes.Clone(certificate), key...), "alone.pem": certificate, "apart.pem": certificate, "apart.pem.key": key,
		"wrong.pem": append(bytes.Clone(certificate), otherKey...), "junk.pem": []byte("junk\n"), "ca.pem": m.Authority(), "crl.pem": m.CRL(later, other),
		"dir/a.pem": append(bytes.Clone(certificate), key...), "empty/.keep": nil,
		"bundle.rsa": slices.Concat(other, otherKey), "bundle.ecdsa": slices.Concat(certificate, key), "logged.pem": slices.Concat(certificate, key), "logged.pem.sctl": []byte("\x00\x03\x00\x02s"),
		"short.crt": certificate, "short.key": key, "nokey.crt": certificate, "chains/ca.pem": m.Authority(), "doubled/a.pem": m.Authority(), "doubled/b.pem": m.Authority(),
		"keys48": []byte(short + short + short + short), "keys80": []byte(long + long + strings.TrimSuffix(long, "\n")), "keys2": []byte(short + short),
		"keysmix": []byte(short + long + short), "keysshort": []byte("AAAA\n" + short + short), "keysblank": []byte(short + "\n" + short + short),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, words := range []string{
		"ssl", "ssl crt", "ssl crt D/both.pem", "ssl crt D/dir", "ssl crt D/empty", "ssl crt D/none.pem", "ssl crt D/alone.pem", "ssl crt D/apart.pem",
		"ssl crt D/wrong.pem", "ssl crt D/junk.pem", "crt D/both.pem", "ssl strict-sni", "ssl crt D/both.pem strict-sni",
		"ssl crt D/both.pem alpn", "ssl crt D/both.pem alpn h2,http/1.1", "ssl crt D/both.pem ssl-min-ver", "ssl crt D/both.pem ssl-min-ver TLSv9",
		"ssl crt D/both.pem ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.3", "ssl crt D/both.pem ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2",
		"ssl crt D/both.pem no-tlsv12", "ssl crt D/both.pem no-tlsv13", "ssl crt D/both.pem no-tlsv12 no-tlsv13", "ssl crt D/both.pem force-tlsv12", "ssl crt D/both.pem force-tlsv13",
		"ssl crt D/both.pem no-tls-tickets no-sslv3 no-tlsv10 no-tlsv11", "ssl crt D/both.pem verify", "ssl crt D/both.pem verify maybe",
		"ssl crt D/both.pem verify required", "ssl crt D/both.pem verify none", "ssl crt D/both.pem verify required ca-file D/ca.pem",
		"ssl crt D/both.pem verify optional ca-file D/none.pem", "ssl crt D/both.pem ca-file", "ssl crt D/both.pem verify required ca-file D/junk.pem",
		"ssl crt D/both.pem crl-file", "ssl crt D/both.pem crl-file D/crl.pem", "ssl crt D/both.pem verify required ca-file D/ca.pem crl-file D/crl.pem", "ssl crt D/both.pem crl-file D/ca.pem",
		"ssl crt D/both.pem crl-file D/none.pem", "ssl crt D/both.pem crl-file D/junk.pem", "ssl crt D/both.pem crl-file D/crl.pem verify required", "ssl crt-list D/list L:D/both.pem [crl-file D/crl.pem]\n",
		"ssl crt D/both.pem ca-verify-file", "ssl crt D/both.pem ca-verify-file D/none.pem", "ssl crt D/both.pem ca-verify-file D/junk.pem", "ssl crt D/both.pem verify required ca-verify-file D/ca.pem",
		"ssl crt D/both.pem verify optional ca-verify-file D/ca.pem ca-file D/both.pem no-ca-names", "ssl crt D/both.pem no-ca-names verify required", "ssl crt-list D/list L:D/both.pem [ca-verify-file D/ca.pem verify required no-ca-names]\n",
		"ssl crt D/both.pem ca-ignore-err", "ssl crt D/both.pem ca-ignore-err all", "ssl crt D/both.pem ca-ignore-err 20,21 crt-ignore-err 94", "ssl crt D/both.pem crt-ignore-err", "ssl crt D/both.pem crt-ignore-err 95",
		"ssl crt D/both.pem crt-ignore-err 0", "ssl crt D/both.pem crt-ignore-err -1", "ssl crt D/both.pem crt-ignore-err 10,", "ssl crt D/both.pem crt-ignore-err ,10", "ssl crt D/both.pem crt-ignore-err ALL", "ssl crt D/both.pem crt-ignore-err 10,bogus",
		"ssl crt-list D/list L:D/both.pem [crt-ignore-err all]\n", "ssl crt D/both.pem G crt-ignore-err all",
		"ssl crt D/both.pem force-sslv3", "ssl crt D/both.pem no-tlsv13 no-tlsv12 no-tlsv11", "ssl crt D/both.pem no-tlsv12 ssl-min-ver TLSv1.2", "ssl crt D/both.pem no-tlsv13 force-tlsv13",
		"ssl strict-sni ciphers bogus", "ssl ciphers bogus", "ssl crt D/both.pem ciphers bogus verify required", "ssl crt D/both.pem ciphers bogus curves bogus",
		"ssl crt D/both.pem ciphers", "ssl crt D/both.pem ciphers bogus", "ssl crt D/both.pem ciphers ECDHE-RSA-AES128-GCM-SHA256:bogus", "ssl crt D/both.pem ciphers DES-CBC3-SHA",
		"ssl crt D/both.pem ciphers HIGH:@STRENGTH", "ssl crt D/both.pem ciphers HIGH:@SECLEVEL=9", "ssl crt D/both.pem ciphers !HIGH", "ssl crt D/both.pem ciphers DEFAULT",
		"ssl crt D/both.pem ciphersuites", "ssl crt D/both.pem ciphersuites bogus", "ssl crt D/both.pem ciphersuites TLS_AES_128_GCM_SHA256:bogus",
		"ssl crt D/both.pem curves", "ssl crt D/both.pem curves bogus", "ssl crt D/both.pem curves X25519:prime256v1:secp384r1:P-521", "ssl crt D/both.pem curves X25519:", "ssl crt D/both.pem curves X25519:X448",
		"ssl crt D/both.pem ecdhe", "ssl crt D/both.pem ecdhe bogus", "ssl crt D/both.pem ecdhe prime256v1", "ssl crt D/both.pem curves X25519 ecdhe bogus",
		"ssl crt-list D/list L:# none\n",
		"ssl crt-list D/list L:D/both.pem",
		"ssl crt-list D/list L:D/both.pem\n",
		"ssl crt-list D/list L:\n# web\n\tD/both.pem\n \nD/none.pem\n",
		"ssl crt-list D/list L:D/junk.pem\n",
		"ssl crt-list D/list L:D/alone.pem\n",
		"ssl crt-list D/list L:D/both.pem [alpn h2] *.web.test !x.web.test\n",
		"ssl crt-list D/list L:D/both.pem [bogus]\n",
		"ssl crt-list D/list L:D/both.pem [alpn]\n",
		"ssl crt-list D/list L:D/both.pem [ssl-min-ver TLSv9]\n",
		"ssl crt-list D/list L:D/both.pem [verify maybe]\n",
		"ssl crt-list D/list L:D/both.pem [verify required]\n",
		"ssl crt-list D/list L:D/both.pem [verify required ca-file D/ca.pem]\n",
		"ssl crt-list D/list L:D/both.pem [ciphers bogus]\n",
		"ssl crt-list D/list L:D/both.pem [curves bogus]\n",
		"ssl crt-list D/list L:D/both.pem [ecdhe bogus]\n",
		"ssl crt-list D/list L:D/both.pem [ciphersuites bogus]\n",
		"ssl crt-list D/list L:D/both.pem alpn h2]\n",
		"ssl crt-list D/list L:D/both.pem [alpn h2][alpn h2]\n",
		"ssl crt-list D/list L:D/both.pem [ssl-min-ver TLSv1.3 no-tlsv12]\n",
		"ssl crt-list D/list L:D/both.pem [strict-sni]\n",
		"ssl crt-list D/list L:D/both.pem []\n",
		"ssl crt-list D/list L:D/both.pem []]\n",
		"ssl crt-list D/list L:[alpn h2] D/both.pem\n",
		"ssl crt-list D/list L:D/both.pem foo[alpn h2]\n",
		"ssl crt-list D/list L:D/both.pem [ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2]\n",
		"ssl crt-list D/list L:D/both.pem\r\n",
		"ssl crt-list D/list L:D/both.pem [alpn h2 bogus]\n",
		"ssl crt-list D/list L: # foo\n",
		"ssl crt D/both.pem tls-ticket-keys", "ssl crt D/both.pem tls-ticket-keys D/none", "ssl crt D/both.pem tls-ticket-keys D/junk.pem", "ssl crt D/both.pem tls-ticket-keys D/keys48", "ssl crt D/both.pem tls-ticket-keys D/keys80",
		"ssl crt D/both.pem tls-ticket-keys D/keys2", "ssl crt D/both.pem tls-ticket-keys D/keysmix", "ssl crt D/both.pem tls-ticket-keys D/keysshort", "ssl crt D/both.pem tls-ticket-keys D/keysblank", "ssl crt D/both.pem tls-ticket-keys D/empty/.keep",
		"ssl crt D/good.pem", "ssl crt D/revoked.pem", "ssl crt D/unknown.pem", "ssl crt D/late.pem", "ssl crt D/garbled.pem", "ssl crt D/other.pem",
		"ssl crt D/nobody.pem", "ssl crt D/issued.pem", "ssl crt D/wrongly.pem", "ssl crt D/badly.pem",
		"ssl crt-list", "ssl crt-list D/none", "ssl crt-list D/list crt-list D/list L:D/both.pem\n", "ssl strict-sni crt-list D/list L:\n", "ssl crt-list D/list ssl-min-ver TLSv1.3 L:D/both.pem [ssl-max-ver TLSv1.2]\n",
		"ssl crt-list D/list ssl-min-ver TLSv1.3 L:D/both.pem [ssl-max-ver TLSv1.2 ssl-min-ver TLSv1.2]\n", "ssl crt-list D/list verify required L:D/both.pem [verify none]\n",
		"ssl crt D/both.pem X", "ssl crt D/both.pem X bogus", "ssl crt D/both.pem X none ocsp", "ssl crt D/both.pem X ocsp all", "ssl crt D/both.pem X none bogus", "ssl crt D/both.pem X ocsp bogus",
		"ssl crt D/apart.pem X none", "ssl crt D/apart.pem X ocsp", "ssl crt D/apart.pem X key", "ssl crt D/apart.pem X all", "ssl crt D/bundle X none", "ssl crt D/bundle X bundle", "ssl crt D/bundle",
		"ssl crt D/late.pem X key issuer", "ssl crt D/late.pem X ocsp", "ssl crt D/issued.pem X ocsp", "ssl crt D/issued.pem X ocsp issuer", "ssl crt D/logged.pem X ocsp key",
		"ssl crt D/short.crt", "ssl crt D/short.crt N", "ssl crt D/short.crt N x", "ssl crt D/apart.pem N", "ssl crt D/nokey.crt N", "ssl crt D/nokey.crt",
		"ssl crt D/both.pem I", "ssl crt D/both.pem I D/none", "ssl crt D/both.pem I D/ca.pem", "ssl crt D/both.pem I D/chains", "ssl crt D/both.pem I D/chains x", "ssl crt D/both.pem I D/doubled", "ssl crt D/nobody.pem I D/chains",
		"ssl crt D/both.pem G", "ssl crt D/both.pem G bogus", "ssl crt D/both.pem G no-tlsv13", "ssl crt D/both.pem G no-tlsv12 no-tlsv13", "ssl crt D/both.pem G ssl-min-ver", "ssl crt D/both.pem G ssl-min-ver TLSv9",
		"ssl crt D/both.pem G ssl-min-ver TLSv1.2 bogus", "ssl crt D/both.pem G no-sslv3 no-tlsv10 force-tlsv12", "ssl crt D/both.pem ssl-min-ver TLSv1.3 G ssl-max-ver TLSv1.2", "ssl crt D/both.pem G crt x",
		"ssl crt D/both.pem G prefer-client-ciphers no-tls-tickets", "ssl crt D/both.pem C", "ssl crt D/both.pem C bogus", "ssl crt D/both.pem C a b", "ssl crt D/both.pem S", "ssl crt D/both.pem V", "ssl crt D/both.pem V bogus", "ssl crt D/both.pem V a b", "ssl crt D/both.pem ecdhe P-256 V bogus",
	} {
		words = strings.ReplaceAll(words, "D/", dir+"/")
		if own, text, ok := strings.Cut(words, "L:"); ok { // the text of a crt-list
			words = own
			if err := os.WriteFile(filepath.Join(dir, "list"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		global := ""
		for mark, keyword := range map[string]string{" G": "ssl-default-bind-options", " C": "ssl-default-bind-ciphers", " S": "ssl-default-bind-ciphersuites", " V": "ssl-default-bind-curves",
			" X": "ssl-load-extra-files", " N": "ssl-load-extra-del-ext", " I": "issuers-chain-path"} {
			if own, rest, ok := strings.Cut(words+" ", mark+" "); ok {
				words, global = own, "global\n    "+keyword+" "+rest+"\n"
			}
		}
		path := filepath.Join(dir, "t.cfg")
		text := fmt.Sprintf("%sdefaults\n    mode http\n%sfrontend f\n    bind 127.0.0.1:18443 %s\n    default_backend b\nbackend b\n    server s 127.0.0.1:1\n", global, timeouts, words)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, p := Load([]string{path}, Env{LookupHost: loopback})
		got, want := verdictOf.FindStringSubmatch(printed(p)), verdictOf.FindStringSubmatch(haproxyCheck(t, path))
		switch {
		case (got == nil) != (want == nil) || got != nil && got[1] != want[1]:
			t.Errorf("%s%s:\ngot  %q\nwant %q", global, words, got, want)
		case (strings.Contains(words, "ca-file") || strings.Contains(words, "ca-verify-file") || strings.Contains(words, "crl-file")) && got != nil && strings.HasSuffix(want[2], ")."):
			// HAProxy says the reason in a line of its own, we in that of the bind.
			if reason := want[2]; !strings.HasSuffix(got[2], reason) {
				t.Errorf("%s%s:\ngot  %q\nwant %q", global, words, got[2], reason)
			}
		case got != nil && !strings.HasPrefix(got[2], want[2]): // what to do stands behind
			t.Errorf("%s%s:\ngot  %q\nwant %q", global, words, got[2], want[2])
		}
	}
}

func TestDefaultsOfTLSReachTheBindsThatSayNothing(t *testing.T) {
	certificate := string(certtest.New(t).Both("web.test"))
	type want struct {
		low, high uint16
		tickets   bool
		suites    int
		curves    []tls.CurveID
	}
	const unasked = 6 // suites of Mozilla's intermediate
	const v12, v13 = tls.VersionTLS12, tls.VersionTLS13
	for _, test := range []struct {
		global, bind string
		want         want
	}{
		{"ssl-default-bind-options ssl-min-ver TLSv1.3 no-tls-tickets", "", want{low: v13, high: v13, suites: unasked}},
		{"ssl-default-bind-options ssl-min-ver TLSv1.3 no-tls-tickets", "ssl-min-ver TLSv1.2", want{low: v12, high: v13, suites: unasked}},
		{"ssl-default-bind-options no-tlsv13", "", want{low: v12, high: v12, tickets: true, suites: unasked}},
		{"ssl-default-bind-options no-tlsv12", "", want{low: v13, high: v13, tickets: true, suites: unasked}},
		{"ssl-default-bind-options no-tlsv13", "ssl-max-ver TLSv1.3", want{low: v12, high: v13, tickets: true, suites: unasked}},
		{"ssl-default-bind-options force-tlsv12", "", want{low: v12, high: v12, tickets: true, suites: unasked}},
		{"ssl-default-bind-options force-tlsv13", "", want{low: v13, high: v13, tickets: true, suites: unasked}},
		{"ssl-default-bind-options force-tlsv12", "force-tlsv13", want{low: v13, high: v13, tickets: true, suites: unasked}},
		{"ssl-default-bind-ciphers EECDH+AESGCM", "", want{low: v12, high: v13, tickets: true, suites: 4}},
		{"ssl-default-bind-ciphers EECDH+AESGCM", "ciphers AES128-SHA", want{low: v12, high: v13, tickets: true, suites: 1}},
		{"ssl-default-bind-curves P-384:P-256", "", want{low: v12, high: v13, tickets: true, suites: unasked, curves: []tls.CurveID{tls.CurveP384, tls.CurveP256}}},
		{"ssl-default-bind-curves P-384:P-256", "curves X25519", want{low: v12, high: v13, tickets: true, suites: unasked, curves: []tls.CurveID{tls.X25519}}},
		{"ssl-default-bind-curves P-384:P-256", "ecdhe P-521", want{low: v12, high: v13, tickets: true, suites: unasked, curves: []tls.CurveID{tls.CurveP384, tls.CurveP256}}},
	} {
		env := inMemory(Env{LookupHost: loopback}, map[string]string{
			"t.cfg": "global\n    crt-base certs\n    " + test.global + "\ndefaults\n" + timeouts + "frontend f\n    bind :18443-18444 ssl crt web.pem " + test.bind +
				"\n    default_backend b\nbackend b\n    server s 127.0.0.1:1\nglobal\n    ssl-default-bind-options ssl-max-ver TLSv1.2\n",
			"certs/web.pem": certificate,
		})
		cfg, p := Load([]string{"t.cfg"}, env)
		if cfg == nil {
			t.Fatal(printed(p))
		}
		for _, b := range cfg.Proxies[0].Binds {
			c := b.TLS.Server()
			got := want{c.MinVersion, c.MaxVersion, !c.SessionTicketsDisabled, len(c.CipherSuites), c.CurvePreferences}
			if !reflect.DeepEqual(got, test.want) || b.TLS.Certificates.Len() != 1 {
				t.Errorf("%s, %s: got %v, want %v", test.global, test.bind, got, test.want)
			}
		}
	}
}

func TestOneNoticeSaysThatH2IsNeverAgreedOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.pem")
	if err := os.WriteFile(path, certtest.New(t).Both("web.test"), 0o600); err != nil {
		t.Fatal(err)
	}
	for alpn, want := range map[string]int{"h2,http/1.1": 1, "http/1.1": 0} {
		bind := fmt.Sprintf("    bind 127.0.0.1:0 ssl crt %s alpn %s\n", path, alpn)
		_, problems := loadText(t, "defaults\n    mode http\n    timeout client 1m\nfrontend f\n"+bind+bind, Env{})
		told := slices.DeleteFunc(problems.List, func(p lang.Problem) bool { return p.Severity != lang.Notice })
		if len(told) != want || want == 1 && (told[0].Pos.Line != 5 || !strings.Contains(told[0].Text, "HTTP/1.1")) {
			t.Errorf("alpn %s: %v, want %d notices, on the first line", alpn, told, want)
		}
		if problems.Alerts() > 0 {
			t.Errorf("alpn %s: %v", alpn, problems.List)
		}
	}
}
