package real

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// storyConfig brings a request to each of its ends. {…} are addresses. The times that a
// request of the story waits for leave the others enough of them.
const storyConfig = `
global
    log {UDP} local0
    log {UNIX} local1
    log stdout format raw local2
    stats socket {SOCKET} level admin
    nbthread 1
    maxconn 2000
defaults
    log global
    mode http
    option httplog
    option redispatch
    .if feature(BASCULE)
    no option safe-replay
    no option redispatch-at-once
    no option fast-detect
    .endif
    retries 2
    timeout connect 20s
    timeout client 20s
    timeout server 5s
    timeout http-request 5s
    timeout http-keep-alive 4s
    timeout queue 20s
frontend fe
    bind {SITE}
    option forwardfor
    http-request set-header X-Forwarded-Proto http
    http-request deny if { path /denied }
    http-request deny deny_status 429 if { path /slower }
    http-request redirect location /elsewhere code 302 if { path /moved }
    http-request return status 200 content-type text/plain string inside if { path /inside }
    use_backend refused if { path_beg /refused }
    use_backend half if { path_beg /half }
    use_backend full if { path_beg /full }
    use_backend sticky if { path_beg /sticky }
    use_backend none if { path_beg /none }
    use_backend maint if { path_beg /maint }
    default_backend be
backend be
    server s1 {S1}
    server s2 {S2}
backend refused
    server r1 {REFUSING}
backend half
    server h1 {REFUSING}
    server h2 {S2}
backend full
    server f1 {S1} maxconn 1
backend sticky
    cookie SRV insert indirect nocache
    server c1 {S1} cookie one
    server c2 {S2} cookie two
backend none
backend maint
    server m1 {S1} disabled
listen stats
    bind {STATS}
    stats enable
    stats uri /stats
`

// story is what is done to both: bytes on a connection of their own, of which
// everything that comes back is read. "|" in a request waits for what is
// behind it until a reply has come.
var story = []struct{ name, request string }{
	{"a GET", "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"a HEAD", "HEAD /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"a GET of HTTP/1.0", "GET /a HTTP/1.0\r\n\r\n"},
	{"a POST with a length", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"},
	{"a POST in chunks", "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{"two requests on one connection", "GET /a HTTP/1.1\r\nHost: a\r\n\r\n|GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"a kept connection that ends by its timeout", "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a reply in chunks", "GET /chunks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"not found", "GET /status/404 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"an error of the server", "GET /status/500 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"no content", "GET /status/204 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"not modified", "GET /status/304 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"denied", "GET /denied HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"denied with 429", "GET /slower HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"redirected", "GET /moved HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"answered inside", "GET /inside HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"not HTTP", "hello\r\n\r\n"},
	{"a bad header", "GET / HTTP/1.1\r\nHost: a\r\nBad Header: 1\r\n\r\n"},
	{"half a request", "GET /half-a-request HTTP/1.1\r\nHost"},
	{"a server that refuses", "GET /refused HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"one of two refuses", "GET /half HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"the other does not", "GET /half HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"a server that is too slow", "GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	// A GET goes to another server in this case, which haproxy does not do here.
	{"a server that hangs up", "POST /empty HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"},
	{"a server that talks nonsense", "GET /nonsense HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"a server that breaks off", "GET /cut HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"no server", "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"a server in maintenance", "GET /maint HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"a new user", "GET /sticky HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"a known user", "GET /sticky HTTP/1.1\r\nHost: a\r\nCookie: SRV=two\r\nConnection: close\r\n\r\n"},
	{"a user of an unknown server", "GET /sticky HTTP/1.1\r\nHost: a\r\nCookie: a=b; SRV=gone; c=d\r\nConnection: close\r\n\r\n"},
	{"quotes in the log", "GET /a?q=\"x\" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
}

// storyServer tells what it got, or misbehaves.
func storyServer(t *testing.T, name string) string {
	return server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		var status int
		if n, err := fmt.Sscanf(r.URL.Path, "/status/%d", &status); n == 1 && err == nil {
			w.WriteHeader(status)
			return
		}
		switch r.URL.Path {
		case "/slow", "/full/slow":
			select {
			case <-r.Context().Done():
			case <-time.After(patience):
			}
		case "/empty":
			_, _ = io.ReadAll(r.Body) // else the end is a reset
			spoil(t, w, "")
		case "/nonsense":
			spoil(t, w, "nonsense\r\n\r\n")
		case "/cut":
			spoil(t, w, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
		case "/chunks":
			fmt.Fprint(w, "one ")
			_ = http.NewResponseController(w).Flush()
			fmt.Fprint(w, "two")
		default:
			body, _ := io.ReadAll(r.Body) // what came is told
			fmt.Fprintf(w, "%s %s %s %q %q %q", name, r.Method, r.URL, body, r.Header.Values("Cookie"), r.Header.Values("X-Forwarded-Proto"))
		}
	}))
}

// spoil answers with bytes and hangs up.
func spoil(t *testing.T, w http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, text)
}

// A told is what one proxy did with the story.
type told struct {
	site, stats, socket string
	udp, unix           *journal
	process             *process
	replies             []string
}

func begin(t *testing.T, program string, servers ...string) *told {
	t.Helper()
	dir, ip := runDir(t), address()
	p := &told{site: ip + ":8000", stats: ip + ":9100", socket: dir + "/s"}
	var udp string
	p.udp, udp = syslogUDP(t)
	p.unix = syslogSocket(t, dir+"/log")
	p.process = start(t, program, append([]string{"-f", config(t, storyConfig, append([]string{
		"SITE", p.site, "STATS", p.stats, "SOCKET", p.socket, "UDP", udp, "UNIX", dir + "/log"}, servers...)...)}, dbOf(program)...)...)
	serving(t, p.socket)
	return p
}

// dbOf keeps haproxy in the foreground without its warning about the file.
func dbOf(program string) []string {
	if program == "haproxy" {
		return []string{"-db"}
	}
	return nil
}

// tell plays the story; what comes back is kept.
func (p *told) tell(t *testing.T) {
	for _, s := range story {
		c := dial(t, p.site)
		var got strings.Builder
		first, second, more := strings.Cut(s.request, "|")
		if _, err := io.WriteString(c.conn, first); err != nil {
			t.Fatal(err)
		}
		if more {
			resp, err := http.ReadResponse(c.in, nil)
			if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			fmt.Fprintf(&got, "%d %s then ", resp.StatusCode, body)
			if _, err := io.WriteString(c.conn, second); err != nil {
				t.Fatal(err)
			}
		}
		rest, err := io.ReadAll(c.in)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		got.WriteString(sortedHead(string(rest)))
		p.replies = append(p.replies, got.String())
		c.conn.Close()
	}
}

// TestTheSameStoryAsHAProxy does the same to both and compares what clients
// got, what was logged to three places, and what was counted.
func TestTheSameStoryAsHAProxy(t *testing.T) {
	t.Parallel()
	servers := []string{"S1", storyServer(t, "s1"), "S2", storyServer(t, "s2"), "REFUSING", address() + ":1"}
	ours, theirs := begin(t, bascule, servers...), begin(t, "haproxy", servers...)
	done := make(chan struct{})
	go func() { // ends with the story
		defer close(done)
		theirs.tell(t)
	}()
	ours.tell(t)
	<-done
	if len(theirs.replies) != len(story) || len(ours.replies) != len(story) {
		t.FailNow()
	}
	t.Run("clients get the same", func(t *testing.T) {
		for i, s := range story {
			got, want := sameReply(t, ours.replies[i]), sameReply(t, theirs.replies[i])
			if strings.Contains(s.request, " HTTP/1.0") {
				got = strings.Replace(got, "connection: close\n", "", 1) // said in a reply of HTTP/1.1
			}
			if got != want {
				t.Errorf("%s:\n got %q\nwant %q", s.name, got, want)
			}
		}
	})
	t.Run("the log says the same", func(t *testing.T) { sameLogs(t, ours, theirs) })
	t.Run("the counters are the same", func(t *testing.T) { sameCounters(t, ours, theirs) })
}

// ownPages are the replies whose text each writes for itself.
var ownPages = regexp.MustCompile(`^(400|403|408|429|502|503|504) `)

// sameReply leaves out what may differ: the words of pages that both write
// themselves, the version towards a client of HTTP/1.0, and how a body is cut
// into chunks.
func sameReply(t *testing.T, text string) string {
	t.Helper()
	text = strings.TrimPrefix(text, "HTTP/1.0 ")
	text = strings.TrimPrefix(text, "HTTP/1.1 ")
	head, body, _ := strings.Cut(text, "\n\n")
	switch {
	case ownPages.MatchString(text):
		lines := slices.DeleteFunc(strings.Split(head, "\n")[1:], func(l string) bool { return strings.HasPrefix(l, "content-length:") })
		return text[:len("400")] + "\n" + strings.Join(lines, "\n")
	case strings.Contains(head, "transfer-encoding: chunked"):
		whole, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(body)))
		if err != nil {
			t.Errorf("%v in %q", err, text)
		}
		return head + "\n\n" + string(whole)
	}
	return text
}

// The figures of a log line that differ from run to run: ports, dates, times
// that are not negative, processes. And the bytes read: those on the wire here,
// there those of HAProxy's own form of a message.
var (
	logPort  = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	logDate  = regexp.MustCompile(`\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\]`)
	logTimes = regexp.MustCompile(` -?\d+/-?\d+/-?\d+/-?\d+/-?\d+ \d{3} \d+ - - `)
	logHead  = regexp.MustCompile(`^<(\d+)>[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d (\w+)\[\d+\]: `)
)

func plainLine(line string) string {
	line = strings.TrimRight(line, "\n\x00")
	line = logHead.ReplaceAllString(line, "<$1> $2: ")
	line = logPort.ReplaceAllString(line, "CLIENT")
	line = logDate.ReplaceAllString(line, "[DATE]")
	return logTimes.ReplaceAllStringFunc(line, func(s string) string {
		f := strings.Fields(s)
		times := strings.Split(f[0], "/")
		for i := range times {
			if !strings.HasPrefix(times[i], "-") {
				times[i] = "T"
			}
		}
		return " " + strings.Join(times, "/") + " " + f[1] + " BYTES - - "
	})
}

func plainLines(lines []string) []string {
	var plain []string
	for _, line := range lines {
		if strings.Contains(line, "\" ") || strings.HasSuffix(strings.TrimRight(line, "\n"), `"`) {
			plain = append(plain, plainLine(line))
		}
	}
	slices.Sort(plain)
	return plain
}

func stdout(p *told) []string { return strings.Split(p.process.said(), "\n") }

func sameLogs(t *testing.T, ours, theirs *told) {
	requests := len(story) + 1 // one connection has two
	await(t, "all lines of both", func() bool {
		return len(plainLines(ours.udp.all())) >= requests && len(plainLines(theirs.udp.all())) >= requests &&
			len(plainLines(ours.unix.all())) >= requests && len(plainLines(theirs.unix.all())) >= requests &&
			len(plainLines(stdout(ours))) >= requests && len(plainLines(stdout(theirs))) >= requests
	})
	for _, to := range []struct {
		name      string
		got, want []string
	}{
		{"UDP", ours.udp.all(), theirs.udp.all()},
		{"the socket", ours.unix.all(), theirs.unix.all()},
		{"stdout", stdout(ours), stdout(theirs)},
	} {
		got, want := plainLines(to.got), plainLines(to.want)
		if len(want) != requests {
			t.Errorf("%s: haproxy logged %d lines for %d requests", to.name, len(want), requests)
		}
		for _, line := range got {
			if !slices.Contains(want, line) {
				t.Errorf("%s: only bascule logs %s", to.name, line)
			}
		}
		for _, line := range want {
			if !slices.Contains(got, line) {
				t.Errorf("%s: only haproxy logs %s", to.name, line)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d lines, want %d", to.name, len(got), len(want))
		}
	}
}

// counted are the columns of `show stat` that the same story moves alike. bin
// and bout are not: bytes on the wire here, there of HAProxy's own form.
var counted = []string{
	"scur", "stot", "dreq", "dresp", "ereq", "econ", "eresp", "wretr", "wredis", "status", "weight", "act", "bck", "lbtot",
	"hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other", "req_tot", "cli_abrt", "srv_abrt",
	"dcon", "dses", "conn_tot", "intercepted", "qcur", "qmax", "slim", "mode", "algo", "cookie", "type", "pid", "iid", "sid",
}

// otherwise are the counters that are not the same: ours, and haproxy's.
var otherwise = map[string][2]string{
	// A retry on the same server is here balanced again.
	"refused/r1 lbtot": {"2", "1"}, "refused/BACKEND lbtot": {"2", "1"},
}

func sameCounters(t *testing.T, ours, theirs *told) {
	var differ []string // a request may be logged before all of it is counted
	if !within(patience/2, func() bool { differ = otherCounters(t, ours, theirs); return len(differ) == 0 }) {
		t.Error(strings.Join(differ, "\n"))
	}
}

func otherCounters(t *testing.T, ours, theirs *told) (differ []string) {
	t.Helper()
	got, want := stat(t, ours.socket), stat(t, theirs.socket)
	for name, row := range want {
		for _, column := range counted {
			expected := [2]string{row[column], row[column]}
			if known, ok := otherwise[name+" "+column]; ok {
				expected = known
			}
			if is := [2]string{got[name][column], row[column]}; is != expected {
				differ = append(differ, fmt.Sprintf("%s: %s is %q, haproxy's %q; want %q", name, column, is[0], is[1], expected))
			}
		}
	}
	return differ
}
