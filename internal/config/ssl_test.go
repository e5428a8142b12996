package config

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bascule/internal/cert/certtest"
)

// verdictOf is the severity and the text of the first problem, without where it is,
// and with what is ours alone taken away.
var verdictOf = regexp.MustCompile(`(?m)^\[(ALERT|WARNING)\] +\(\d+\) : config : (?:parsing \[[^]]*\] : )?(.*)$`)

func TestBindsWithTLSAreTakenAsHAProxyTakesThem(t *testing.T) {
	dir := t.TempDir()
	m := certtest.New(t)
	certificate, key := m.ECDSA("web.test")
	_, otherKey := m.RSA("web.test")
	for name, data := range map[string][]byte{
		"both.pem": append(bytes.Clone(certificate), key...), "alone.pem": certificate, "apart.pem": certificate, "apart.pem.key": key,
		"wrong.pem": append(bytes.Clone(certificate), otherKey...), "junk.pem": []byte("junk\n"), "ca.pem": m.Authority(),
		"dir/a.pem": append(bytes.Clone(certificate), key...), "empty/.keep": nil,
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
	} {
		words = strings.ReplaceAll(words, "D/", dir+"/")
		path := filepath.Join(dir, "t.cfg")
		text := fmt.Sprintf("defaults\n    mode http\n%sfrontend f\n    bind 127.0.0.1:18443 %s\n    default_backend b\nbackend b\n    server s 127.0.0.1:1\n", timeouts, words)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, p := Load([]string{path}, Env{LookupHost: loopback})
		got, want := verdictOf.FindStringSubmatch(printed(p)), verdictOf.FindStringSubmatch(haproxyCheck(t, path))
		switch {
		case (got == nil) != (want == nil) || got != nil && got[1] != want[1]:
			t.Errorf("%s:\ngot  %q\nwant %q", words, got, want)
		case strings.Contains(words, "ca-file") && got != nil && strings.HasSuffix(want[2], ")."):
			// HAProxy says the reason in a line of its own, we in that of the bind.
			if reason := want[2]; !strings.HasSuffix(got[2], reason) {
				t.Errorf("%s:\ngot  %q\nwant %q", words, got[2], reason)
			}
		case got != nil && got[2] != want[2]:
			t.Errorf("%s:\ngot  %q\nwant %q", words, got[2], want[2])
		}
	}
}

func TestDefaultsOfTLSReachTheBindsThatSayNothing(t *testing.T) {
	env := inMemory(Env{LookupHost: loopback}, map[string]string{
		"t.cfg": "global\n    crt-base certs\n    ssl-default-bind-options ssl-min-ver TLSv1.3 no-tls-tickets\ndefaults\n" + timeouts + "frontend f\n" +
			"    bind :18443 ssl crt web.pem\n    bind :18444 ssl crt web.pem ssl-min-ver TLSv1.2\n    default_backend b\nbackend b\n    server s 127.0.0.1:1\n",
		"certs/web.pem": string(certtest.New(t).Both("web.test")),
	})
	cfg, p := Load([]string{"t.cfg"}, env)
	if cfg == nil {
		t.Fatal(printed(p))
	}
	for i, want := range []uint16{tls.VersionTLS13, tls.VersionTLS12} {
		s := cfg.Proxies[0].Binds[i].TLS
		if c := s.Server(); c.MinVersion != want || !c.SessionTicketsDisabled || s.Certificates.Len() != 1 {
			t.Errorf("bind %d: oldest version %x, tickets %v, %d certificates", i, c.MinVersion, !c.SessionTicketsDisabled, s.Certificates.Len())
		}
	}
}
