package real

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// TestTheEndOfTheProcessIsToldToWebSockets: whoever is connected when bascule is
// stopped gets Close 1001, from a worker of a master too, and so does the server.
func TestTheEndOfTheProcessIsToldToWebSockets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		sig  syscall.Signal
	}{
		"TERM":                             {nil, syscall.SIGTERM},
		"TERM to a master":                 {[]string{"-W"}, syscall.SIGTERM},
		"a soft stop that comes to an end": {nil, syscall.SIGUSR1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heard := make(chan websocket.StatusCode, 1)
			srv := server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := websocket.Accept(w, r, nil)
				if err != nil {
					return // it has answered
				}
				_, _, err = c.Read(r.Context())
				heard <- websocket.CloseStatus(err)
			}))
			site, dir := address()+":8000", runDir(t)
			p := start(t, bascule, append([]string{"-f", config(t, `
global
    stats socket {SOCKET} level admin
    hard-stop-after 100ms
defaults
    mode http
    timeout connect 30s
    timeout client 1m
    timeout server 1m
listen site
    bind {SITE}
    server s {SERVER}
`, "SOCKET", dir+"/s", "SITE", site, "SERVER", srv)}, c.args...)...)
			serving(t, dir+"/s")
			ws := connect(t, site+"/")
			p.signal(t, c.sig)
			if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
				t.Errorf("the client sees %v, want Close 1001", err)
			}
			select {
			case code := <-heard:
				if code != websocket.StatusGoingAway {
					t.Errorf("the server is told %d, want 1001", code)
				}
			case <-time.After(patience):
				t.Error("the server is not told")
			}
			p.ended(t)
		})
	}
}

// TestARollingDeploy runs the script of the manual: users with cookies and a
// WebSocket each, a server drained, restarted and made ready after the other,
// and nothing fails.
func TestARollingDeploy(t *testing.T) {
	t.Parallel()
	answer := func(name string) string {
		return server(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) }))
	}
	site, dir := address()+":8000", runDir(t)
	log, udp := syslogUDP(t)
	start(t, bascule, "-f", config(t, `
global
    log {LOG} local0
    stats socket {SOCKET} level admin
defaults
    log global
    mode http
    timeout connect 30s
    timeout client 1m
    timeout server 1m
listen api
    bind {SITE}
    cookie SRV insert indirect nocache
    server api1 {ONE} cookie one
    server api2 {TWO} cookie two
`, "SOCKET", dir+"/s", "SITE", site, "ONE", answer("one"), "TWO", answer("two"), "LOG", udp))
	serving(t, dir+"/s")
	done := make(chan error, 1)
	stop := make(chan struct{})
	go func() { // until stop is closed
		cookie := "SRV=one"
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			req, err := http.NewRequest("GET", "http://"+site+"/", nil)
			if err != nil {
				done <- err
				return
			}
			req.Header.Set("Cookie", cookie)
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				done <- err
				return
			}
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != 200 {
				done <- fmt.Errorf("status %d, %w", resp.StatusCode, err)
				return
			}
			for _, c := range resp.Cookies() {
				cookie = c.Name + "=" + c.Value
			}
		}
	}()
	write(t, dir+"/deploy.sh", strings.NewReplacer("/run/haproxy/admin.sock", dir+"/s").Replace(deploy))
	out, err := exec.CommandContext(t.Context(), "sh", "-e", dir+"/deploy.sh").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	close(stop)
	if err := <-done; err != nil {
		t.Errorf("a user saw %v", err)
	}
	for _, name := range []string{"api1", "api2"} {
		line := log.line(t, "Server api/"+name+" is drained after")
		if !strings.Contains(line, "0 sessions cut, 0 left.") {
			t.Errorf("the log says %q", line)
		}
	}
}

// deploy is the script of docs/drain.md, with shorter times and without a restart.
const deploy = `
say() { echo "$1" | socat - /run/haproxy/admin.sock; }
stage() { say "show servers drain api" | awk -v s="$1" '$2 == s { print $4 }'; }
for s in api1 api2; do
    say "set server api/$s state drain deadline 25s at-idle 1s"
    until [ "$(stage $s)" = over ]; do sleep 0.1; done
    say "set server api/$s state ready"
    until say "show stat" | grep -q "^api,$s,.*,no check,"; do sleep 0.1; done
done
`
