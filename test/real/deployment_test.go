package real

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	deploymentConfig = "../../examples/active-active/deployment.cfg"
	siteURL          = "http://127.0.0.1"
	statsURL         = "http://127.0.0.1:9100/stats"
)

// fleet are the deployment's servers as `show stat` names them, and where they
// listen.
var fleet = []struct{ row, addr string }{
	{"api_pool/backend-api-1", "127.0.0.11:8080"},
	{"api_pool/backend-api-2", "127.0.0.12:8080"},
	{"stream_pool/stream-server-1", "127.0.0.21:8082"},
	{"stream_pool/stream-server-2", "127.0.0.22:8082"},
}

// TestDeployment runs examples/active-active/deployment.cfg as it stands and goes
// through a day of its operators. Each step builds on the one before.
func TestDeployment(t *testing.T) {
	t.Parallel()
	m := start(t, bascule, "-Ws", "-f", deploymentConfig)
	serving(t, adminSocket)
	for _, step := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"the worker runs as haproxy and its socket has mode 660", func(t *testing.T) {
			confined(t, infoField(t, adminSocket, "Pid"), "/", noCapability)
			if mode := socketMode(t); mode != 0o660 {
				t.Errorf("mode of the socket is %o, want 660", mode)
			}
		}},
		{"all servers down: the error file as haproxy sends it", errorFile},
	} {
		if !t.Run(step.name, step.run) {
			return
		}
	}
	startFleet(t)
	if !t.Run("servers rise after two checks", rise) {
		return
	}
	t.Run("a journal that comes later gets the log", laterJournal)
	t.Run("requests reach every backend", everyBackend)
	t.Run("a login sticks to its server and is known to both", login)
	t.Run("the operators' commands, word for word", operators)
	t.Run("the exporter reads socket and page", exporter)
	t.Run("hatop shows the servers and ends with q", hatop)
	t.Run("TERM ends it", func(t *testing.T) {
		m.signal(t, syscall.SIGTERM)
		if code := m.ended(t); code != 143 {
			t.Errorf("exit code %d, want 143", code)
		}
	})
}

// errorFile: nothing listens yet, so the first check of each server takes it down.
func errorFile(t *testing.T) {
	await(t, "four servers DOWN", func() bool { return inState(t, "DOWN") == len(fleet) })
	const request = "GET /hls/t1/0.ts HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	file, err := os.ReadFile("/etc/haproxy/errors/503.http")
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(string(file), "\r\n\r\n")
	oracle := address() + ":8000"
	start(t, "haproxy", "-db", "-f", config(t, `
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
    errorfile 503 /etc/haproxy/errors/503.http
listen nothing
    bind {ADDR}
`, "ADDR", oracle))
	awaitGet(t, "http://"+oracle+"/", 503)
	want := raw(t, oracle, request)
	if !strings.HasSuffix(want, "\r\n\r\n"+page) {
		t.Fatalf("haproxy does not send the file: %q", want)
	}
	for _, path := range []string{"/hls/t1/0.ts", "/"} {
		got := raw(t, "127.0.0.1:80", strings.Replace(request, "/hls/t1/0.ts", path, 1))
		if unframed(got) != unframed(want) {
			t.Errorf("GET %s without servers:\n%q\nhaproxy with the same file:\n%q", path, got, want)
		}
	}
}

// unframed is a reply without its framing and version, which are not taken from
// the file here as haproxy does.
func unframed(text string) string {
	head, body, _ := strings.Cut(sortedHead(text), "\n\n")
	lines := slices.DeleteFunc(strings.Split(head, "\n"), func(line string) bool {
		return strings.HasPrefix(line, "content-length:") || strings.HasPrefix(line, "connection:")
	})
	_, lines[0], _ = strings.Cut(lines[0], " ")
	return strings.Join(lines, "\n") + "\n\n" + body
}

// sortedHead is a reply with its header in one order and in small letters, where
// HTTP leaves the choice.
func sortedHead(text string) string {
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	for i, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		lines[1+i] = strings.ToLower(name) + ":" + value
	}
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n") + "\n\n" + body
}

// raw sends bytes and returns everything until the end of the connection.
func raw(t *testing.T, addr, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("%q: %v after %q", request, err, answer)
	}
	return string(answer)
}

// inState counts the fleet's servers whose status begins with the word.
func inState(t *testing.T, word string) int {
	t.Helper()
	n, rows := 0, stat(t, adminSocket)
	for _, srv := range fleet {
		if strings.HasPrefix(rows[srv.row]["status"], word) {
			n++
		}
	}
	return n
}

func startFleet(t *testing.T) {
	t.Helper()
	start(t, "redis-server", "--bind", "127.0.0.1", "--port", "6379", "--save", "", "--dir", runDir(t))
	await(t, "redis", func() bool {
		out, err := run(t, "redis-cli", "-h", "127.0.0.1", "ping")
		return err == nil && strings.TrimSpace(out) == "PONG"
	})
	for _, srv := range fleet {
		pool, name, _ := strings.Cut(srv.row, "/")
		args := []string{"fleet", "stream", "--addr", srv.addr, "--name", name}
		if pool == "api_pool" {
			args = []string{"fleet", "api", "--addr", srv.addr, "--name", name, "--redis", "127.0.0.1:6379"}
		}
		start(t, bascule, args...)
	}
}

func rise(t *testing.T) {
	await(t, "four servers UP", func() bool { return inState(t, "UP") == len(fleet) })
	for _, srv := range fleet {
		if row := stat(t, adminSocket)[srv.row]; row["check_status"] != "L7OK" || row["check_code"] != "200" || row["check_rise"] != "2" || row["check_fall"] != "3" {
			t.Errorf("%s: check_status %s, check_code %s, check_rise %s, check_fall %s", srv.row, row["check_status"], row["check_code"], row["check_rise"], row["check_fall"])
		}
	}
}

// laterJournal: /dev/log was not there when the balancer started, and is tried
// again now and then.
func laterJournal(t *testing.T) {
	j := syslogSocket(t, "/dev/log")
	await(t, "a line in the journal", func() bool {
		mustGet(t, siteURL+"/api/v1/health?later=1", 200)
		return len(j.all()) > 0
	})
	line := j.line(t, "later=1")
	// local0.info is 16*8+6; local1 takes notices only.
	if want := regexp.MustCompile(`^<134>[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d haproxy\[\d+\]: 127\.0\.0\.1:\d+ \[[^]]+\] fe_main api_pool/backend-api-[12] \d+/\d+/\d+/\d+/\d+ 200 \d+ - - --NI \d+/\d+/\d+/\d+/0 0/0 "GET /api/v1/health\?later=1 HTTP/1\.1"\n?$`); !want.MatchString(line) {
		t.Errorf("the line is %q", line)
	}
	for _, line := range j.all() {
		if strings.HasPrefix(line, "<142>") {
			t.Errorf("local1 is for notices and got %q", line)
		}
	}
}

func everyBackend(t *testing.T) {
	seen := map[string]bool{}
	for i := 0; i < 10 || len(seen) < 2 && i < 100; i++ { // one may still be in its slowstart
		r := mustGet(t, siteURL+"/api/v1/health", 200)
		name := r.header.Get("X-Server")
		seen[name] = true
		if want := "VEZA_SERVERID=" + name + "; path=/; HttpOnly"; r.header.Get("Set-Cookie") != want {
			t.Errorf("Set-Cookie %q, want %q", r.header.Get("Set-Cookie"), want)
		}
	}
	for i := range 40 {
		path := fmt.Sprintf("/hls/track%d/0.ts", i)
		first := mustGet(t, siteURL+path, 200).header
		// A step of slowstart may lie between two requests, which moves a few keys.
		await(t, "a second request for "+path+" at the same server, which has it", func() bool {
			before := first
			first = mustGet(t, siteURL+path, 200).header
			return first.Get("X-Server") == before.Get("X-Server") && first.Get("X-Cache") == "HIT"
		})
		seen[first.Get("X-Server")] = true
	}
	for _, srv := range fleet {
		if _, name, _ := strings.Cut(srv.row, "/"); !seen[name] {
			t.Errorf("%s answered nothing", name)
		}
	}
	if r := mustGet(t, statsURL, 200); !strings.Contains(r.body, "backend-api-2") || r.header.Get("Refresh") != "5" {
		t.Errorf("the page has no backend-api-2 or no refresh of 5: %q", r.header)
	}
	if r := mustGet(t, "http://127.0.0.1:9100/metrics", 200); !strings.Contains(r.body, `haproxy_server_status{proxy="stream_pool",server="stream-server-1",state="UP"} 1`) {
		t.Errorf("the metrics do not say that stream-server-1 is UP")
	}
}

// login makes a session through one server and shows it to both.
func login(t *testing.T) {
	resp, err := http.Post(siteURL+"/api/v1/login", "application/json", strings.NewReader(`{"user":"ann"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	made := resp.Header.Get("X-Server")
	var session, sticky string
	for _, c := range resp.Cookies() {
		switch c.Name {
		case "session":
			session = c.String()
		case "VEZA_SERVERID":
			sticky = c.Value
		}
	}
	session, _, _ = strings.Cut(session, ";")
	if resp.StatusCode/100 != 2 || sticky != made || session == "" {
		t.Fatalf("login: status %d from %s with cookies %q and %q", resp.StatusCode, made, sticky, session)
	}
	for range 4 {
		r := mustGet(t, siteURL+"/api/v1/me", 200, "Cookie", session+"; VEZA_SERVERID="+sticky)
		if r.header.Get("X-Server") != made || !strings.Contains(r.body, "ann") || r.header.Get("Set-Cookie") != "" {
			t.Errorf("sticky request: %s, want %s; body %q, Set-Cookie %q", r.header.Get("X-Server"), made, r.body, r.header.Get("Set-Cookie"))
		}
	}
	seen := map[string]bool{}
	await(t, "both servers for requests without the sticky cookie", func() bool {
		seen[mustGet(t, siteURL+"/api/v1/me", 200, "Cookie", session).header.Get("X-Server")] = true
		return len(seen) == 2
	})
}

// operators types what the deployment's manual tells.
func operators(t *testing.T) {
	socat := func(command string) string {
		return shell(t, `echo "`+command+`" | socat - /run/haproxy/admin.sock`)
	}
	text := socat("show servers state")
	lines := strings.Split(text, "\n")
	if lines[0] != "1" || !strings.HasPrefix(lines[1], "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state ") || !strings.HasSuffix(text, "\n\n") {
		t.Fatalf("show servers state begins with %q and ends with %q", lines[:2], text[max(0, len(text)-10):])
	}
	columns := len(strings.Fields(lines[1])) - 1
	for _, srv := range fleet {
		pool, name, _ := strings.Cut(srv.row, "/")
		host, port, _ := strings.Cut(srv.addr, ":")
		f := serverState(t, text, pool, name)
		if len(f) != columns || f[4] != host || !runs(f[5]) || f[6] != "0" || f[18] != port {
			t.Errorf("%s: %d of %d fields: %q", srv.row, len(f), columns, f)
		}
	}
	rows := parseStat(t, strings.TrimSuffix(socat("show stat"), "\n"))
	for _, name := range []string{"fe_main/FRONTEND", "api_pool/BACKEND", "stream_pool/BACKEND", "stats/FRONTEND", "stats/BACKEND"} {
		if rows[name] == nil {
			t.Errorf("show stat has no %s", name)
		}
	}

	if answer := socat("set server api_pool/backend-api-1 state drain"); answer != "\n" {
		t.Errorf("drain answers %q", answer)
	}
	if f := serverState(t, socat("show servers state"), "api_pool", "backend-api-1"); !runs(f[5]) || f[6] != "8" {
		t.Errorf("drained: srv_op_state %s, srv_admin_state %s; want up and 8", f[5], f[6])
	}
	await(t, "status DRAIN", func() bool { return stat(t, adminSocket)["api_pool/backend-api-1"]["status"] == "DRAIN" })
	for range 6 {
		if name := mustGet(t, siteURL+"/api/v1/health", 200).header.Get("X-Server"); name != "backend-api-2" {
			t.Errorf("a new client reached %s while it drains", name)
		}
	}
	if name := mustGet(t, siteURL+"/api/v1/health", 200, "Cookie", "VEZA_SERVERID=backend-api-1").header.Get("X-Server"); name != "backend-api-1" {
		t.Errorf("a user of backend-api-1 was sent to %s while it drains", name)
	}
	if answer := socat("set server api_pool/backend-api-1 state ready"); answer != "\n" {
		t.Errorf("ready answers %q", answer)
	}
	if f := serverState(t, socat("show servers state"), "api_pool", "backend-api-1"); !runs(f[5]) || f[6] != "0" {
		t.Errorf("ready: srv_op_state %s, srv_admin_state %s; want up and 0", f[5], f[6])
	}
	await(t, "a new client at backend-api-1", func() bool {
		return mustGet(t, siteURL+"/api/v1/health", 200).header.Get("X-Server") == "backend-api-1"
	})
	if answer := socat("set server api_pool/nobody state ready"); answer != "No such server.\n\n" {
		t.Errorf("an unknown server answers %q", answer)
	}
}

// runs reports whether an srv_op_state is running, or starting: the servers came
// up less than the 30 s of slowstart ago.
func runs(state string) bool { return state == "2" || state == "1" }

// serverState returns the fields of a server's line.
func serverState(t *testing.T, text, pool, name string) []string {
	t.Helper()
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 3 && f[1] == pool && f[3] == name {
			return f
		}
	}
	t.Fatalf("no line for %s/%s in %q", pool, name, text)
	return nil
}

// hatop runs in a terminal of its own.
func hatop(t *testing.T) {
	dir := runDir(t)
	tmux := func(args ...string) string {
		out, err := run(t, "env", append([]string{"TMUX_TMPDIR=" + dir, "tmux", "-L", "hatop", "-f", "/dev/null"}, args...)...)
		if err != nil {
			t.Fatalf("tmux %v: %v\n%s", args, err, out)
		}
		return out
	}
	code := filepath.Join(dir, "code")
	tmux("new-session", "-d", "-x", "160", "-y", "50", "hatop -s "+adminSocket+" -i 1; echo $? >"+code)
	t.Cleanup(func() { // it has ended with its session, if all went well
		_ = exec.Command("env", "TMUX_TMPDIR="+dir, "tmux", "-L", "hatop", "kill-server").Run()
	})
	screen := ""
	for _, srv := range fleet {
		_, name, _ := strings.Cut(srv.row, "/")
		up := regexp.MustCompile(regexp.QuoteMeta(name) + `[^\n]* UP `)
		if !within(patience, func() bool { screen = tmux("capture-pane", "-p"); return up.MatchString(screen) }) {
			t.Errorf("hatop does not show %s UP:\n%s", name, screen)
		}
	}
	for _, want := range []string{"HAProxy Version: 3.2", "PID: " + infoField(t, adminSocket, "Pid")} {
		if !strings.Contains(screen, want) {
			t.Errorf("hatop does not show %q:\n%s", want, screen)
		}
	}
	tmux("send-keys", "q")
	await(t, "the end of hatop", func() bool { _, err := os.Stat(code); return err == nil })
	await(t, "its exit code", func() bool {
		text, err := os.ReadFile(code)
		return err == nil && strings.TrimSpace(string(text)) != ""
	})
	if text, err := os.ReadFile(code); err != nil || strings.TrimSpace(string(text)) != strconv.Itoa(0) {
		t.Errorf("hatop ended with %q, %v", text, err)
	}
}
