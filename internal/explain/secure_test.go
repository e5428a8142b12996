package explain

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bascule/internal/cert/certtest"
	"bascule/internal/config"
)

const secureFile = `defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend clear
    bind :8080
    http-request redirect scheme https code 301 unless { ssl_fc }
frontend web
    bind :80
    bind :8443 ssl crt D/default.pem crt D/api.pem alpn h2,http/1.1
    bind :8444 ssl crt D/api.pem strict-sni
    bind :8445 ssl crt D/api.pem ca-file D/api.pem verify required
    tcp-request session reject if { ssl_fc_sni bad.test }
    http-request redirect scheme https code 301 unless { ssl_fc }
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    use_backend api if { ssl_fc_sni -i api.test }
    default_backend app
backend api
    server a 127.0.0.1:1
backend app
    server b 127.0.0.1:2
`

func TestAnHTTPSURLIsExplainedWithItsHandshake(t *testing.T) {
	dir, m := t.TempDir(), certtest.New(t)
	text := strings.ReplaceAll(secureFile, "D/", dir+"/")
	for name, data := range map[string][]byte{"default.pem": m.Both("www.test"), "api.pem": m.Both("api.test"), "t.cfg": []byte(text)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		line, frontend string
		want           []string // in what is printed
	}{
		{"https://api.test/x", "", []string{"GET /x HTTP/1.1 from", "TLS on bind :8443", "SNI api.test", "certificate " + dir + "/api.pem (api.test, until ", "TLS 1.3, TLS_", "alpn http/1.1",
			"yes  http-request set-header X-Forwarded-Proto", "no   http-request redirect", "+ X-Forwarded-Proto: https", "backend api"}},
		{"https://other.test/x", "web", []string{"default.pem (www.test, until ", "the default: none is for that name", "backend app"}},
		{"https://127.0.0.1:8443/x", "web", []string{"Host: 127.0.0.1:8443", "default.pem", "backend app"}},
		{"GET https://bad.test/x", "web", []string{"yes  tcp-request session reject", "closed without a word"}},
		{"https://other.test:8444/", "web", []string{"TLS on bind :8444", "the handshake fails: ", "no certificate for the name"}},
		{"https://api.test:8445/", "web", []string{"TLS on bind :8445", "api.pem", "the handshake fails: ", "didn't provide a certificate"}},
		{"GET /x", "web", []string{"yes  http-request redirect scheme https"}},
	} {
		cfg, p := config.Load([]string{filepath.Join(dir, "t.cfg")}, config.Env{Hostname: "lab"})
		if cfg == nil {
			t.Fatal(p.List)
		}
		r, err := Explain(cfg, Asked{Line: test.line, Minor: 1, Frontend: test.frontend})
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
			continue
		}
		var out bytes.Buffer
		if err := r.Write(&out); err != nil {
			t.Fatal(err)
		}
		for _, want := range test.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", test.line, want, out.String())
			}
		}
	}
	for line, want := range map[string]string{"https://api.test:9/": "no frontend has a bind with ssl that the URL leads to", "https:///x": "no URL with a host"} {
		cfg, _ := config.Load([]string{filepath.Join(dir, "t.cfg")}, config.Env{Hostname: "lab"})
		if _, err := Explain(cfg, Asked{Line: line, Minor: 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}
