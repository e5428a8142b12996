package config

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
)

// tlsFiles writes certificates into a directory: both.pem, ca.pem and their like.
func tlsFiles(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	m := certtest.New(t)
	certificate, key := m.ECDSA("web.test")
	for name, data := range map[string][]byte{
		"both.pem": append(bytes.Clone(certificate), key...), "alone.pem": certificate, "apart.pem": certificate, "apart.pem.key": key,
		"junk.pem": []byte("junk\n"), "ca.pem": m.Authority(), "crl.pem": m.CRL(time.Now().Add(time.Hour)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestServersWithTLSAreTakenAsHAProxyTakesThem(t *testing.T) {
	dir := tlsFiles(t)
	const plain = "127.0.0.1:1 "
	for _, c := range [][2]string{ // of global, and of the backend
		{"", "ssl"}, {"", "ssl verify none"}, {"", "ssl verify"}, {"", "ssl verify optional"}, {"", "ssl verify required"}, {"", "ssl verify required ca-file D/ca.pem"},
		{"", "ssl ca-file D/ca.pem"}, {"", "ssl ca-file"}, {"", "ssl ca-file D/none.pem"}, {"", "ssl verify none ca-file D/junk.pem"}, {"", "ca-file D/ca.pem verify required"},
		{"", "check-ssl"}, {"", "check check-ssl verify none"}, {"", "check check-ssl port 80 ca-file D/ca.pem no-check-ssl"},
		{"", "ssl verify none crt D/both.pem"}, {"", "ssl verify none crt D/apart.pem"}, {"", "ssl verify none crt D/alone.pem"}, {"", "ssl verify none crt D/none.pem"},
		{"", "ssl verify none crt"}, {"", "crt D/none.pem"}, {"", "ssl verify none sni"}, {"", "ssl verify none sni foo(1)"}, {"", "ssl verify none sni req.hdr(host),lower"},
		{"", "ssl verify none sni str(a.test)"}, {"", "sni str(a.test)"}, {"", "ssl verify none verifyhost"},
		{"", "ssl verify none alpn"}, {"", "ssl verify none alpn h2,http/1.1 check-alpn h2"}, {"", "ssl verify none check-alpn"}, {"", "ssl verify none check-sni"},
		{"", "ssl verify none check check-sni a.test"}, {"", "ssl verify none ssl-min-ver"}, {"", "ssl verify none ssl-min-ver TLSv9"},
		{"", "ssl verify none ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.3"}, {"", "ssl verify none ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2"},
		{"", "ssl verify none force-tlsv12 no-tlsv12"}, {"", "ssl verify none force-tlsv13"}, {"", "ssl verify none no-sslv3 no-tlsv10 no-tlsv11 no-tlsv12 no-tlsv13"},
		{"", "ssl verify none no-tlsv10"}, {"", "ssl verify none no-tlsv11"}, {"", "ssl verify none no-tlsv12"}, {"", "ssl verify none no-tlsv13"}, {"", "ssl verify none no-sslv3 no-tlsv10 no-tlsv11"},
		{"", "ssl verify none ciphers"}, {"", "ssl verify none ciphers FOO"}, {"", "ssl verify none ciphers FOO:ECDHE-RSA-AES128-GCM-SHA256 ciphersuites TLS_AES_128_GCM_SHA256"}, {"", "ssl verify none ciphersuites"},
		{"", "ssl verify none ciphersuites BAR"}, {"ssl-default-server-ciphers", ""}, {"ssl-default-server-ciphers FOO", ""}, {"ssl-default-server-ciphers FOO", "ssl verify none"}, {"ssl-default-server-ciphersuites BAR", "ssl verify none"},
		{"ssl-default-server-ciphers EECDH+AESGCM", "ssl verify none ciphers HIGH"},
		{"", "ssl verify none no-ssl-reuse ssl-reuse no-tls-tickets tls-tickets"},
		{"ssl-server-verify none", "ssl"}, {"ssl-server-verify required", "ssl"}, {"ssl-server-verify optional", "ssl"}, {"ssl-server-verify", "ssl"}, {"ssl-server-verify none", "ssl verify required"},
		{"ssl-default-server-options", ""}, {"ssl-default-server-options foo", ""}, {"ssl-default-server-options ssl-min-ver", ""}, {"ssl-default-server-options ssl-min-ver TLSv9", ""},
		{"ssl-default-server-options no-tlsv10 no-tls-tickets ssl-min-ver TLSv1.2 force-tlsv12", "ssl verify none"}, {"ssl-default-server-options ssl-max-ver TLSv1.2", "ssl verify none ssl-min-ver TLSv1.3"},
		{"", "default-server ssl verify none"}, {"", "default-server ssl"}, {"", "default-server ssl verify none\n    server t 127.0.0.1:2 no-ssl"},
		{"", "default-server ssl ca-file D/ca.pem crt D/both.pem sni str(a) verifyhost a"}, {"", "default-server ssl verify none crt D/none.pem"},
		{"", "ssl ca-file D/ca.pem crl-file"}, {"", "ssl ca-file D/ca.pem crl-file D/crl.pem"}, {"", "ssl verify none crl-file D/none.pem"}, {"", "crl-file D/junk.pem"}, {"", "crl-file D/ca.pem"}, {"", "default-server crl-file D/none.pem"},
		{"", "default-server ssl\n    server t 127.0.0.1:2 no-ssl"}, {"", "default-server check-ssl"},
	} {
		lines := "    server s " + plain + c[1] + "\n"
		if strings.HasPrefix(c[1], "default-server") {
			lines = "    " + c[1] + "\n    server s " + plain + "\n"
		}
		path := filepath.Join(dir, "t.cfg")
		text := fmt.Sprintf("global\n    %s\ndefaults\n    mode http\n%sfrontend f\n    bind 127.0.0.1:18443\n    default_backend b\nbackend b\n%s", c[0], timeouts, strings.ReplaceAll(lines, "D/", dir+"/"))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, p := Load([]string{path}, Env{LookupHost: loopback})
		got, want := verdictOf.FindStringSubmatch(printed(p)), verdictOf.FindStringSubmatch(haproxyCheck(t, path))
		switch {
		case (got == nil) != (want == nil) || got != nil && got[1] != want[1]:
			t.Errorf("%s; %s:\ngot  %q\nwant %q", c[0], c[1], got, want)
		case got == nil:
		case strings.Contains(want[2], "verify is enabled by default"): // HAProxy gives advice, we ours
			if subject, _, _ := strings.Cut(want[2], "verify"); !strings.HasPrefix(got[2], subject+"verify is enabled by default but no CA file specified.") {
				t.Errorf("%s; %s:\ngot  %q\nwant %q", c[0], c[1], got[2], want[2])
			}
		case strings.Contains(want[2], "the ca-file"): // its reason is a part of our alert
			if _, reason, _ := strings.Cut(want[2], "Couldn't"); !strings.HasSuffix(got[2], reason) {
				t.Errorf("%s; %s:\ngot  %q\nwant %q", c[0], c[1], got[2], want[2])
			}
		case !strings.HasPrefix(got[2], want[2]): // what to do stands behind
			t.Errorf("%s; %s:\ngot  %q\nwant %q", c[0], c[1], got[2], want[2])
		}
	}
}

// TestWordsOfLaterVersionsForServersWithTLS: HAProxy 2.6 does not know them yet.
func TestWordsOfLaterVersionsForServersWithTLS(t *testing.T) {
	const name = "req.hdr(host),host_only"
	for _, c := range []struct{ global, words, sni, problem string }{
		{words: "ssl curves X25519:P-256"}, {words: "ssl curves X448:X25519"}, {words: "curves FOO"},
		{words: "ssl curves", problem: "'curves' : missing curve suite."},
		{words: "ssl curves FOO", problem: "unable to set SSL curves list to 'FOO': 'FOO' is no curve."},
		{words: "ssl curves X448", problem: "no curve of 'X448' is spoken."},
		{global: "ssl-default-server-curves P-384", words: "ssl"},
		{global: "ssl-default-server-curves", words: "ssl", problem: "expects a curves suite"},
		{global: "ssl-default-server-curves FOO", words: "ssl", problem: "'FOO' is no curve."},
		{global: "ssl-default-server-curves FOO", words: "ssl curves X25519"},
		{words: "ssl sni-auto", sni: name}, {words: "sni-auto"}, {words: "ssl no-sni-auto"}, {words: "ssl sni-auto no-sni-auto"},
		{words: "ssl sni str(a.test) sni-auto", sni: "str(a.test)"}, {words: "ssl"},
	} {
		text := "global\n    ssl-server-verify none\n    " + c.global + "\ndefaults\n    mode http\n" + timeouts + "backend b\n    server s 127.0.0.1:1 " + c.words + "\n"
		cfg, p := loadText(t, text, Env{})
		if said := printed(p); c.problem != "" || cfg == nil {
			if c.problem == "" || !strings.Contains(said, c.problem) {
				t.Errorf("%s; %s: want %q in\n%s", c.global, c.words, c.problem, said)
			}
			continue
		}
		s, sni := cfg.Proxies[0].Servers[0], ""
		if s.SNI != nil {
			sni = s.SNI.Text()
		}
		if sni != c.sni {
			t.Errorf("%s: sni %q, want %q", c.words, sni, c.sni)
		}
	}
	cfg, p := loadText(t, "global\n    ssl-server-verify none\n    ssl-default-server-curves P-384\ndefaults\n"+timeouts+"backend b\n    mode tcp\n    default-server ssl sni-auto\n    server s 127.0.0.1:1\n", Env{})
	if cfg == nil {
		t.Fatal(printed(p))
	}
	if s := cfg.Proxies[0].Servers[0]; !slices.Equal(s.TLS.Curves, []tls.CurveID{tls.CurveP384}) || s.SNI != nil {
		t.Errorf("in mode tcp curves %v and sni %v", s.TLS.Curves, s.SNI)
	}
}

func TestWhereChecksSpeakTLS(t *testing.T) {
	dir := tlsFiles(t)
	for words, want := range map[string]bool{
		"": false, "ssl": true, "ssl no-check-ssl": false, "ssl port 80": false, "ssl addr 127.0.0.2": false, "ssl port 80 check-ssl": true, "check-ssl": true,
	} {
		cfg, p := loadText(t, "defaults\n"+timeouts+"backend b\n    server s 127.0.0.1:1 check ca-file "+dir+"/ca.pem "+words+"\n", Env{})
		if cfg == nil {
			t.Fatalf("%s:\n%s", words, printed(p))
		}
		s := cfg.Proxies[0].Servers[0]
		if got := s.CheckSSL; got != want || (s.TLS != nil) != strings.HasPrefix(words, "ssl") {
			t.Errorf("%q: checks with TLS %v, want %v; traffic %v", words, got, want, s.TLS != nil)
		}
	}
}

func TestVersionsOfTLSTowardsServers(t *testing.T) {
	for words, want := range map[string][2]uint16{
		"": {tls.VersionTLS12, tls.VersionTLS13}, "force-tlsv12": {tls.VersionTLS12, tls.VersionTLS12}, "ssl-min-ver TLSv1.0": {tls.VersionTLS12, tls.VersionTLS13},
		"ssl-min-ver TLSv1.3": {tls.VersionTLS13, tls.VersionTLS13}, "ssl-max-ver TLSv1.2": {tls.VersionTLS12, tls.VersionTLS12}, "no-tlsv13": {tls.VersionTLS12, tls.VersionTLS12},
		"no-tlsv10 no-tlsv11 no-tlsv12": {tls.VersionTLS13, tls.VersionTLS13},
	} {
		cfg, p := loadText(t, "global\n    ssl-server-verify none\ndefaults\n"+timeouts+"backend b\n    server s 127.0.0.1:1 ssl "+words+"\n", Env{})
		if cfg == nil {
			t.Fatalf("%s:\n%s", words, printed(p))
		}
		if s := cfg.Proxies[0].Servers[0].TLS; s.Min != want[0] || s.Max != want[1] {
			t.Errorf("%q: %x to %x, want %x to %x", words, s.Min, s.Max, want[0], want[1])
		}
	}
}
