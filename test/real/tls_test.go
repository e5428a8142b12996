package real

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
)

const tlsText = `global
    log {log} local0
    stats socket {dir}/admin.sock level admin
defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend web
    bind {addr}:443 ssl crt {dir}/site.pem alpn h2,http/1.1
    bind {addr}:80
    http-request redirect scheme https code 301 unless { ssl_fc }
    http-request return status 200 content-type text/plain string "over TLS"
frontend known
    bind {addr}:8443 ssl crt {dir}/site.pem ca-file {dir}/ca.pem crl-file {dir}/crl.pem verify required
    http-request return status 200 content-type text/plain string "known"
frontend perhaps
    bind {addr}:9443 ssl crt {dir}/site.pem ca-file {dir}/ca.pem crl-file {dir}/crl.pem verify optional
    http-request return status 200 content-type text/plain string "perhaps"
`

// A tlsSite is a balancer that speaks TLS, as site.test and by its address, and the
// certificates of its clients.
type tlsSite struct {
	addr, dir string
	ca        string // path of the authority's certificate
	pool      *x509.CertPool
	log       *journal
}

func startTLS(t *testing.T) *tlsSite {
	t.Helper()
	log, to := syslogUDP(t)
	s := &tlsSite{addr: address(), dir: runDir(t), log: log}
	ours, others := certtest.New(t), certtest.New(t)
	revoked := ours.Both("revoked.test")
	s.ca, s.pool = filepath.Join(s.dir, "ca.pem"), ours.Pool()
	for name, pem := range map[string][]byte{
		"ca.pem": ours.Authority(), "site.pem": ours.Both("site.test"),
		"good.pem": ours.Both("good.test"), "expired.pem": ours.Expired("expired.test"), "wrong.pem": others.Both("wrong.test"),
		"revoked.pem": revoked, "crl.pem": ours.CRL(time.Now().Add(time.Hour), revoked),
	} {
		write(t, filepath.Join(s.dir, name), string(pem))
	}
	start(t, bascule, "-f", config(t, tlsText, "log", to, "dir", s.dir, "addr", s.addr))
	serving(t, filepath.Join(s.dir, "admin.sock"))
	return s
}

// curl asks a port of the site by its name and returns what was said and the exit code.
func (s *tlsSite) curl(t *testing.T, port string, args ...string) (string, int) {
	t.Helper()
	args = append([]string{"-sS", "--cacert", s.ca, "--resolve", "site.test:" + port + ":" + s.addr}, args...)
	said, err := run(t, "curl", append(args, "https://site.test:"+port+"/")...)
	return said, code(t, err)
}

func code(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	ended, ok := err.(*exec.ExitError) //nolint:errorlint // run wraps nothing
	if !ok {
		t.Fatal(err)
	}
	return ended.ExitCode()
}

func TestCurlSpeaksTLS(t *testing.T) {
	s := startTLS(t)
	const notVerified, noHandshake = 60, 35 // curl(1), EXIT CODES
	for _, test := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"TLS 1.3", []string{"--tlsv1.3"}, 0, "over TLS"},
		{"TLS 1.2", []string{"--tls-max", "1.2"}, 0, "over TLS"},
		{"ALPN that leaves HTTP/2 away", []string{"--http2", "-o", "/dev/null", "-w", "%{http_version}"}, 0, "1.1"},
		{"TLS 1.1", []string{"--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"}, noHandshake, ""},
		{"an authority that it does not know", []string{"--cacert", "/etc/ssl/certs/ca-certificates.crt"}, notVerified, ""},
	} {
		if said, code := s.curl(t, "443", test.args...); code != test.code || !strings.Contains(said, test.says) {
			t.Errorf("%s: exit code %d, %q; want %d with %q", test.name, code, said, test.code, test.says)
		}
	}
	s.log.line(t, "web/1: SSL handshake failure")
	if said := shell(t, "curl -sS -o /dev/null -w '%{http_code} %{redirect_url}' http://"+s.addr+"/a?b"); said != "301 https://"+s.addr+"/a?b" {
		t.Errorf("HTTP got %q, want a redirect to HTTPS", said)
	}
}

// Each client certificate gets its answer, and those who fail the log line that says why.
func TestCurlShowsItsCertificate(t *testing.T) {
	s := startTLS(t)
	for _, version := range []string{"1.2", "1.3"} {
		for _, test := range []struct {
			certificate       string
			required, another string // what curl gets where one is required, and where it is optional
			why               string // in the log
		}{
			{"good.pem", "known", "perhaps", ""},
			{"wrong.pem", "", "", "unknown authority"},
			{"expired.pem", "", "", "expired"},
			{"revoked.pem", "", "", "revoked"},
			{"", "", "perhaps", "didn't provide a certificate"},
		} {
			args := []string{"--tlsv" + version, "--tls-max", version}
			if test.certificate != "" {
				args = append(args, "--cert", filepath.Join(s.dir, test.certificate))
			}
			for port, want := range map[string]string{"8443": test.required, "9443": test.another} {
				said, code := s.curl(t, port, args...)
				if want != "" && (code != 0 || said != want) || want == "" && code == 0 {
					t.Errorf("TLS %s, %q on %s: exit code %d, %q; want %q", version, test.certificate, port, code, said, want)
				}
			}
			if test.why != "" {
				s.log.line(t, test.why)
			}
		}
	}
}

func TestOpenSSLResumesItsSession(t *testing.T) {
	s := startTLS(t)
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		session := filepath.Join(s.dir, "session"+version)
		ask := func(args string) string {
			return shell(t, fmt.Sprintf(`printf 'GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n' |
				openssl s_client %s -connect %s:443 -servername site.test -CAfile %s -verify_return_error -ign_eof %s 2>&1`, version, s.addr, s.ca, args))
		}
		first, second := ask("-sess_out "+session), ask("-sess_in "+session)
		if !strings.Contains(first, "\nNew, TLSv1.") || !strings.Contains(first, "over TLS") || !strings.Contains(first, "Verify return code: 0 (ok)") {
			t.Errorf("%s: the first connection said\n%s", version, first)
		}
		if !strings.Contains(second, "\nReused, TLSv1.") || !strings.Contains(second, "over TLS") {
			t.Errorf("%s: the second connection, with a session, said\n%s", version, second)
		}
	}
}

func TestPythonSpeaksTLS(t *testing.T) {
	s := startTLS(t)
	said, err := run(t, "python3", "testdata/tls.py", s.addr, s.ca, filepath.Join(s.dir, "good.pem"))
	if want := "ssl TLSv1.2 over TLS\nssl TLSv1.3 over TLS\nresumed True\nrequests known\n"; err != nil || said != want {
		t.Errorf("%v, %q; want %q", err, said, want)
	}
}

func TestGoSpeaksTLS(t *testing.T) {
	s := startTLS(t)
	trust := &tls.Config{RootCAs: s.pool, ServerName: "site.test", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true, ForceAttemptHTTP2: true}}
	for _, resumed := range []bool{false, true} {
		resp, err := client.Get("https://" + s.addr + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != "over TLS" || resp.TLS.Version != tls.VersionTLS13 || resp.ProtoMajor != 1 || resp.TLS.DidResume != resumed {
			t.Errorf("%q by %s over %s, resumed %v, %v; want resumed %v", body, resp.Proto, tls.VersionName(resp.TLS.Version), resp.TLS.DidResume, err, resumed)
		}
	}
}

func TestChromiumSpeaksTLS(t *testing.T) {
	s := startTLS(t)
	// It has a store of its own for authorities; a key can be trusted by its hash.
	text, err := os.ReadFile(filepath.Join(s.dir, "site.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	site, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key := sha256.Sum256(site.RawSubjectPublicKeyInfo)
	said, err := run(t, "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+t.TempDir(), "--host-resolver-rules=MAP site.test "+s.addr,
		"--ignore-certificate-errors-spki-list="+base64.StdEncoding.EncodeToString(key[:]), "--dump-dom", "https://site.test/")
	if err != nil || !strings.Contains(said, "over TLS") {
		t.Errorf("%v\n%s", err, said)
	}
	if line := s.log.line(t, "web~ web/<NOSRV>"); !strings.Contains(line, `"GET / HTTP/1.1"`) {
		t.Errorf("the log says %q", line)
	}
}

// sslscan offers what nobody should take. Its list of suites is that of TLS 1.2 and 1.3,
// each with forward secrecy and without CBC.
func TestSSLScanFindsNothing(t *testing.T) {
	s := startTLS(t)
	said, err := run(t, "sslscan", "--no-colour", "--xml=-", "--sni-name=site.test", s.addr+":443")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var scan struct {
		Protocols []struct {
			Type    string `xml:"type,attr"`
			Version string `xml:"version,attr"`
			Enabled bool   `xml:"enabled,attr"`
		} `xml:"ssltest>protocol"`
		Bleeds []struct {
			Vulnerable bool `xml:"vulnerable,attr"`
		} `xml:"ssltest>heartbleed"`
		Renegotiation struct {
			Supported bool `xml:"supported,attr"`
		} `xml:"ssltest>renegotiation"`
		Ciphers []struct {
			Name string `xml:"cipher,attr"`
		} `xml:"ssltest>cipher"`
	}
	if err := xml.Unmarshal([]byte(said), &scan); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	spoken := ""
	for _, p := range scan.Protocols {
		if p.Enabled {
			spoken += p.Type + " " + p.Version + " "
		}
	}
	if spoken != "tls 1.2 tls 1.3 " {
		t.Errorf("spoken are %s, want TLS 1.2 and 1.3", spoken)
	}
	for _, bleed := range scan.Bleeds {
		if bleed.Vulnerable {
			t.Error("it is vulnerable to heartbleed")
		}
	}
	if scan.Renegotiation.Supported {
		t.Error("clients may renegotiate")
	}
	for _, c := range scan.Ciphers {
		if !strings.HasPrefix(c.Name, "TLS_") && !(strings.HasPrefix(c.Name, "ECDHE-") && (strings.Contains(c.Name, "-GCM-") || strings.HasSuffix(c.Name, "-POLY1305"))) {
			t.Errorf("it takes %s", c.Name)
		}
	}
	if len(scan.Bleeds) == 0 || len(scan.Ciphers) < 6 {
		t.Errorf("%d protocols were tried for heartbleed, %d suites are taken; sslscan said\n%s", len(scan.Bleeds), len(scan.Ciphers), said)
	}
}
