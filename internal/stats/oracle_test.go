package stats

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bascule/internal/backend"
)

// oracleConfig has a proxy of each kind and a server in each state; %[1]s is a
// directory, %[2]s the address of a server that answers, %[3]s one that
// refuses, %[4]s its port.
const oracleConfig = `global
	stats socket %[1]s/admin.sock level admin
	maxconn 2000
defaults
	mode http
	timeout connect 1s
	timeout client 5s
	timeout server 5s
	timeout check 2s
frontend web
	bind unix@%[1]s/web.sock
	maxconn 321
	http-request use-service prometheus-exporter if { path /metrics }
	stats uri /scoped
	stats scope .
	stats scope api
	stats scope nope
	acl api path_beg /api
	use_backend api if api
	default_backend one
listen both
	bind unix@%[1]s/both.sock name main maxconn 11
	option socket-stats
	balance leastconn
	server l1 %[2]s check inter 100ms
	server l2 %[3]s check inter 100ms maxconn 20 maxqueue 7
	server l3 %[2]s check inter 100ms backup
backend api
	balance uri whole
	cookie SRV insert indirect nocache
	option httpchk GET /
	server a1 %[2]s check inter 100ms cookie c1 weight 30 rise 4 fall 5
	server a2 %[2]s check inter 100ms cookie c2
	server a3 %[2]s disabled
	server a4 %[2]s check inter 100ms
	server a5 %[2]s pool-max-conn 9
backend one
	stats uri /of-one
	stats scope .
	stats scope both
	server s1 %[2]s
backend none
listen plain
	mode tcp
	bind unix@%[1]s/plain.sock
	option socket-stats
	server p1 %[2]s
	server p2 %[3]s weight 0
backend app
	server f1 %[2]s agent-check agent-addr 127.0.0.1 agent-port %[4]s agent-inter 100ms maxconn 50
	server f2 %[2]s track f1
`

// An oracle is a running haproxy beside a world of the same configuration, in
// the same state.
type oracle struct {
	*world
	dir string
}

func newOracle(t *testing.T) *oracle {
	t.Helper()
	dir, err := os.MkdirTemp("", "stats") // short: a socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	refused := refusing(t)
	_, port, _ := strings.Cut(refused, ":")
	text := fmt.Sprintf(oracleConfig, dir, answering(t), refused, port)
	o := &oracle{world: newWorld(t, text), dir: dir}
	o.start(text)
	for _, order := range []string{"a2 state drain", "a4 state maint"} {
		if got := o.ask("set server api/" + order); strings.TrimSpace(got) != "" {
			t.Fatalf("set server api/%s: %q", order, got)
		}
	}
	up := backend.Result{Status: backend.CheckL4OK}
	up7 := backend.Result{Status: backend.CheckL7OK, Code: 200}
	o.check("both/l1", 1, up)
	o.check("both/l2", 1, backend.Result{Status: backend.CheckL4CON, Info: "Connection refused"})
	o.check("both/l3", 1, up)
	for _, name := range []string{"api/a1", "api/a2", "api/a4"} {
		o.check(name, 1, up7)
	}
	f1 := o.server("app/f1")
	o.world.ask(f1, backend.AgentResult{Srv: f1, Result: backend.Result{Status: backend.CheckL4CON, Info: "Connection refused"}})
	o.order("api/a2", backend.Drain)
	o.order("api/a4", backend.Maint)
	return o
}

// start runs haproxy until the test ends and waits until all checks have
// passed or failed once.
func (o *oracle) start(text string) {
	o.t.Helper()
	file := filepath.Join(o.dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command("haproxy", "-db", "-f", file)
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		o.t.Fatalf("haproxy is needed to compare with: %v", err)
	}
	o.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	deadline := time.Now().Add(time.Minute)
	for {
		stat := o.ask("show stat")
		if stat != "" && !strings.Contains(stat, ",INI,") && strings.Count(stat, "L7OK,200") == 3 && strings.Contains(stat, "L4CON") {
			return
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("haproxy is not ready: %s\n%s", stderr.String(), stat)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// show is ask, when no check is under way: haproxy marks those, and forgets what the
// last one said.
func (o *oracle) show(line string) string {
	o.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		out := o.ask(line)
		if out != "" && !strings.Contains(out, "* L") {
			return out
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("a check is always under way: %s", out)
		}
	}
}

// ask sends a line to haproxy's runtime socket; "" while it does not answer.
func (o *oracle) ask(line string) string {
	c, err := net.Dial("unix", filepath.Join(o.dir, "admin.sock"))
	if err != nil {
		return ""
	}
	defer c.Close()
	fmt.Fprintf(c, "%s\n", line)
	b, err := io.ReadAll(c)
	if err != nil {
		return ""
	}
	return string(b)
}

// scrape reads haproxy's own metrics.
func (o *oracle) scrape(query string) string {
	o.t.Helper()
	return o.get("/metrics" + query)
}

// get asks haproxy's frontend web.
func (o *oracle) get(path string) string {
	o.t.Helper()
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(o.dir, "web.sock"))
	}}
	res, err := (&http.Client{Transport: tr}).Get("http://lab" + path)
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return string(b)
}

// answering is the address of a server that says 200 to everything.
func answering(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	done := make(chan struct{})
	go func() { // ends with Close
		defer close(done)
		_ = srv.Serve(ln)
	}()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return ln.Addr().String()
}

// refusing is an address where nothing listens: its port stays taken by a
// socket that never does.
func refusing(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	t.Cleanup(func() { c.Close(); s.Close() }) // the pair keeps the port from others
	return addr
}

// moving are the fields whose values depend on when they are read.
var moving = map[string]bool{"lastchg": true, "downtime": true, "check_duration": true}

func TestShowStatIsHAProxys(t *testing.T) {
	o := newOracle(t)
	theirs := parseCSV(t, o.show("show stat"))
	var b bytes.Buffer
	if err := WriteCSV(&b, Rows(o.src, Filter{Legends: true})); err != nil {
		t.Fatal(err)
	}
	ours := parseCSV(t, b.String())
	static := theirs.header[:indexOf(theirs.header, "-")]
	if got := ours.header[:len(static)]; strings.Join(got, ",") != strings.Join(static, ",") {
		t.Errorf("header\n %s\nwant\n %s", got, static)
	}
	if got, want := ours.names(), theirs.names(); got != want {
		t.Fatalf("rows\n %s\nwant\n %s", got, want)
	}
	for i, want := range theirs.rows {
		for j, name := range static {
			got := ours.rows[i][j]
			switch {
			case moving[name] && (got == "") == (want[j] == ""):
			case name == "need_conn_est" && got != "": // haproxy's estimate begins at 1 for checked servers
			case got != want[j]:
				t.Errorf("%s/%s: %s is %q, haproxy says %q", want[0], want[1], name, got, want[j])
			}
		}
	}
}

func TestTypedIsHAProxys(t *testing.T) {
	o := newOracle(t)
	theirs, err := typed(o.show("show stat typed"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteTyped(&b, Rows(o.src, Filter{Legends: true}), false); err != nil {
		t.Fatal(err)
	}
	ours, err := typed(b.String())
	if err != nil {
		t.Fatal(err)
	}
	last := len(Fields)
	for key, want := range theirs {
		if got, ok := ours[key]; want.pos <= 102 && (!ok || got != want) {
			t.Errorf("%s: %v, haproxy says %v", key, got, want)
		}
	}
	for key, got := range ours {
		if _, ok := theirs[key]; !ok && got.pos <= 102 {
			t.Errorf("%s: haproxy does not say it", key)
		}
		if got.pos >= last {
			t.Errorf("%s at %d: past the end", key, got.pos)
		}
	}
}

func TestInfoIsHAProxys(t *testing.T) {
	o := newOracle(t)
	var b bytes.Buffer
	p := o.src.Facts()
	if err := WriteInfo(&b, &p, Typed, false); err != nil {
		t.Fatal(err)
	}
	shape := func(s string) string {
		var lines []string
		for line := range strings.Lines(s) {
			if part := strings.SplitN(strings.TrimSpace(line), ":", 4); len(part) == 4 {
				lines = append(lines, strings.Join(part[:3], ":"))
			}
		}
		return strings.Join(lines, "\n")
	}
	if got, want := shape(b.String()), shape(o.ask("show info typed")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A typedField is what the typed form says of a value besides the value.
type typedField struct {
	pos  int
	tags string
}

// typed maps "F.2.0.scur" to what the typed form says of it.
func typed(s string) (map[string]typedField, error) {
	m := map[string]typedField{}
	for line := range strings.Lines(s) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 4)
		if len(part) < 4 {
			continue
		}
		var f typedField
		k := strings.SplitN(part[0], ".", 5)
		if _, err := fmt.Sscan(k[3], &f.pos); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		f.tags = part[1] + ":" + part[2]
		m[strings.Join(k[:3], ".")+"."+strings.TrimSuffix(k[4], ".1")] = f
	}
	return m, nil
}

func indexOf(list []string, s string) int {
	for i := range list {
		if list[i] == s {
			return i
		}
	}
	return len(list)
}

// TestTheScopeIsHAProxys compares which rows a page with `stats scope` has.
func TestTheScopeIsHAProxys(t *testing.T) {
	o := newOracle(t)
	rows := func(csv string) string {
		var list []string
		for line := range strings.Lines(csv) {
			if cells := strings.SplitN(line, ",", 3); len(cells) == 3 {
				list = append(list, cells[0]+"/"+cells[1])
			}
		}
		return strings.Join(list, " ")
	}
	for _, path := range []string{"/scoped;csv", "/scoped;csv;scope=ap", "/scoped;csv;scope=AP", "/of-one;csv", "/of-one;csv;up"} {
		if got, want := rows(o.page("web", "GET "+path).String()), rows(o.get(path)); got != want || !strings.Contains(want, "BACKEND") {
			t.Errorf("%s shows %s, want %s", path, got, want)
		}
	}
	for _, path := range []string{"/scoped", "/scoped;json", "/of-one", "/of-one;json"} {
		if text := o.page("web", "GET "+path).String(); strings.Contains(text, "plain") || !strings.Contains(text, "BACKEND") && !strings.Contains(text, "Backend") {
			t.Errorf("%s shows %s", path, text)
		}
	}
}
