package engine

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bascule/internal/cert/certtest"
)

const frontDoor = "../../examples/tls-front-door/haproxy.cfg"

// TestTheExampleOfAFrontDoorSendsClientsToHTTPS runs examples/tls-front-door.
func TestTheExampleOfAFrontDoorSendsClientsToHTTPS(t *testing.T) {
	m, dir := certtest.New(t), shortDir(t)
	site := &tlsSite{balancer: &balancer{dir: dir}, t: t, m: m}
	if err := os.Mkdir(filepath.Join(dir, "certs"), 0o700); err != nil {
		t.Fatal(err)
	}
	site.write("certs/web.pem", m.Both("web.test"))
	plain, secure := filepath.Join(dir, "http"), filepath.Join(dir, "https")
	t.Setenv("BASCULE_HTTP", "unix@"+plain)
	t.Setenv("BASCULE_HTTPS", "unix@"+secure)
	t.Setenv("BASCULE_CERTS", filepath.Join(dir, "certs")+"/")
	t.Setenv("BASCULE_APP_1", echoServer(t))
	t.Setenv("BASCULE_APP_2", echoServer(t))
	text, err := os.ReadFile(frontDoor)
	if err != nil {
		t.Fatal(err)
	}
	b := runIn(t, dir, strings.Replace(string(text), "global\n", "global\n    stats socket $DIR/sock\n", 1))
	eventually(t, "the checks pass", func() bool {
		r := rows(ask(t, b.socket, "show stat\n"))
		return r["app/app1"]["check_status"] == "L7OK" && r["app/app2"]["check_status"] == "L7OK"
	})

	ask := func(url string, settings *tls.Config) *http.Response {
		t.Helper()
		path := plain
		if settings != nil {
			path = secure
		}
		transport := &http.Transport{TLSClientConfig: settings, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		req, err := http.NewRequest(http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-Proto", "mine")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	resp := ask("http://web.test/a?b=c", nil)
	if to := resp.Header.Get("Location"); resp.StatusCode != 301 || to != "https://web.test/a?b=c" {
		t.Errorf("in the clear: %d to %q", resp.StatusCode, to)
	}
	if resp = ask("http://web.test/.well-known/acme-challenge/x", nil); resp.StatusCode != 503 {
		t.Errorf("a challenge is answered %d without certbot", resp.StatusCode)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		resp = ask("https://web.test/", &tls.Config{RootCAs: m.Pool(), MinVersion: version, MaxVersion: version})
		if was, hsts := resp.Header.Get("X-Was"), resp.Header.Get("Strict-Transport-Security"); resp.StatusCode != 200 || was != "https" || hsts != "max-age=31536000" {
			t.Errorf("%s: %d, X-Forwarded-Proto %q, Strict-Transport-Security %q", tls.VersionName(version), resp.StatusCode, was, hsts)
		}
	}
}

// TestTheManualShowsTheFrontDoorOfTheExample holds the listeners of docs/tls.md to those
// of the example, which has variables where the manual has their defaults.
func TestTheManualShowsTheFrontDoorOfTheExample(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	_, shown, _ := strings.Cut(read("../../docs/tls.md"), "```haproxy\n")
	shown, _, _ = strings.Cut(shown, "   ```\n")
	shown = strings.ReplaceAll("\n"+shown, "\n   ", "\n")
	whole := regexp.MustCompile(`"\$\{\w+-([^}]*)\}"`).ReplaceAllString(read(frontDoor), "$1")
	for section := range strings.SplitSeq(strings.TrimSpace(shown), "\n\n") {
		if !strings.Contains(whole+"\n", "\n"+section+"\n") {
			t.Errorf("not in %s:\n%s", frontDoor, section)
		}
	}
	if !strings.Contains(shown, "frontend web\n") {
		t.Errorf("the manual shows no frontend: %q", shown)
	}
}
