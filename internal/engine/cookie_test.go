package engine

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A witness is a server that notes the cookies of each request and answers with
// the fields that the request's X-Say fields name.
type witness struct {
	mu   sync.Mutex
	seen string // of the last request
}

func (w *witness) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = strings.Join(r.Header["Cookie"], " | ")
	out.Header()["Date"] = nil
	out.Header()["Content-Type"] = nil
	for _, say := range r.Header["X-Say"] {
		name, value, _ := strings.Cut(say, ":")
		out.Header()[name] = append(out.Header()[name], strings.TrimSpace(value))
	}
	_, _ = io.WriteString(out, "x") // the client of a test is there
}

func (w *witness) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

func serving(t *testing.T, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	var done sync.WaitGroup
	done.Go(func() { _ = srv.Serve(l) }) // until Close
	t.Cleanup(func() { srv.Close(); done.Wait() })
	return l.Addr().String()
}

// A side is one of the two programs that are compared.
type side struct {
	dir string
	log net.PacketConn
}

// twoSides runs haproxy and bascule with the same sections; $LOG in text is a
// log line and $DIR where the sockets are.
func twoSides(t *testing.T, text string) (theirs, ours *side) {
	t.Helper()
	return twoTexts(t, text, text)
}

// twoTexts is twoSides where the servers of the two have addresses of their own.
func twoTexts(t *testing.T, forTheirs, forOurs string) (theirs, ours *side) {
	t.Helper()
	newSide := func(text string) (*side, string) {
		l, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		s := &side{log: l, dir: shortDir(t)}
		return s, strings.ReplaceAll(text, "$LOG", "log "+l.LocalAddr().String()+" local0")
	}
	theirs, cfg := newSide(forTheirs)
	file := filepath.Join(theirs.dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(cfg, "$DIR", theirs.dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("haproxy", "-db", "-f", file)
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatalf("the oracle of this test is Debian's haproxy (apt-get install haproxy): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	eventually(t, "haproxy answers", func() bool { // its socket is there before those of its frontends
		conn, err := net.Dial("unix", theirs.dir+"/sock")
		if err != nil {
			return false
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, err = io.WriteString(conn, "show info\n")
		if err == nil {
			_, err = conn.Read(make([]byte, 1))
		}
		return err == nil
	})
	ours, cfg = newSide(forOurs)
	runIn(t, ours.dir, cfg)
	return theirs, ours
}

// logged is the next line of the traffic log, behind its header.
func (s *side) logged(t *testing.T) string {
	t.Helper()
	buf := make([]byte, 4096)
	for {
		_ = s.log.SetReadDeadline(time.Now().Add(patience)) // a fresh deadline cannot fail
		n, _, err := s.log.ReadFrom(buf)
		if err != nil {
			t.Fatalf("no log line: %v", err)
		}
		if _, line, ok := strings.Cut(string(buf[:n]), "@@"); ok {
			return line
		}
	}
}

// send gives one request to a section and reads the reply's fields.
func (s *side) send(t *testing.T, section, request string) string {
	t.Helper()
	reply, err := s.exchange(section, request)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// exchange is send for any goroutine.
func (s *side) exchange(section, request string) (string, error) {
	conn, err := net.Dial("unix", s.dir+"/"+section)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience)) // a fresh deadline cannot fail
	if _, err := io.WriteString(conn, request); err != nil {
		return "", err
	}
	in := bufio.NewReader(conn)
	var lines []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("%s: %w after %q", section, err, lines)
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			break
		}
		if name, value, ok := strings.Cut(line, ":"); ok {
			line = strings.ToLower(name) + ":" + value
		}
		lines = append(lines, line)
	}
	slices.Sort(lines[1:]) // the place of Content-Length is ours
	return strings.Join(lines, "\n"), nil
}

// date is one in a cookie; its last digits tell the time.
var date = regexp.MustCompile(`\|[A-Za-z0-9+/]{5}`)

const cookieConfig = `
global
    stats socket $DIR/sock level admin
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    $LOG
    log-format "@@%ST %tsc %s"
`

const cookieServers = `
    server s1 $A cookie one
    server s2 $B cookie two
    server s3 $A cookie three disabled
    server s4 $B cookie two
    server s5 $A weight 0
    server s6 $A cookie six weight 0
`

// cookieModes are lines `cookie …`, and what else the section says.
var cookieModes = []string{
	"cookie SRV", "cookie SRV indirect", "cookie SRV indirect preserve",
	"cookie SRV insert", "cookie SRV insert indirect", "cookie SRV insert nocache", "cookie SRV insert indirect nocache preserve",
	"cookie SRV insert postonly", "cookie SRV insert indirect postonly", "cookie SRV rewrite", "cookie SRV prefix", "cookie SRV prefix indirect",
	"cookie SRV rewrite nocache", "cookie SRV prefix nocache",
	"cookie SRV insert httponly secure domain a.test domain .b.test attr SameSite=Lax attr Priority=High",
	"cookie SRV insert indirect maxidle 1h", "cookie SRV insert indirect maxlife 1h", "cookie SRV insert maxidle 1h maxlife 10h preserve",
	"cookie SRV insert indirect maxidle 100 maxlife 200",
	"cookie SRV insert indirect dynamic\n    dynamic-cookie-key swordfish", "cookie SRV insert dynamic", "cookie SRV rewrite dynamic\n    dynamic-cookie-key x",
	"cookie SRV insert indirect\n    use-server s2 if METH_POST\n    use-server s3 if { req.cook(a) b }\n    use-server %[req.cook(c)] if { req.cook(e) f }",
	"cookie SRV insert indirect maxidle 1h\n    use-server s1 if METH_POST or { req.cook(a) b }",
	"cookie SRV insert maxlife 1h\n    use-server s6 unless METH_POST", "use-server s2 if METH_POST\n    use-server s1 if { req.cook(a) b }",
	"cookie SRV insert indirect\n    force-persist if METH_GET", "cookie SRV insert\n    ignore-persist if METH_GET", "cookie SRV insert maxidle 1h\n    ignore-persist if METH_GET",
	"cookie SRV insert\n    ignore-persist if METH_POST\n    force-persist if TRUE", "cookie SRV prefix\n    use-server s6 if { req.cook(a) b }",
	"cookie SRV insert indirect\n    option persist", "cookie a.b_c-longer-than-thirty-two-bytes-of-name insert indirect",
}

// cookieRequests are Cookie fields, and what the server says.
var cookieRequests = []struct{ method, cookies, say string }{
	{"GET", "", ""}, {"GET", "SRV=one", ""}, {"GET", "SRV=two", ""}, {"GET", "SRV=three", ""}, {"GET", "SRV=six", ""}, {"GET", "SRV=nobody", ""},
	{"GET", "SRV=", ""}, {"GET", "SRV", ""}, {"GET", "srv=one", ""}, {"GET", "SRV=one~rest", ""}, {"GET", "SRV=nobody~rest", ""}, {"GET", "SRV=~rest", ""},
	{"GET", "SRV=three~rest", ""}, {"GET", "SRV=one~a~b", ""},
	{"GET", "a=b; SRV=two; c=d", ""}, {"GET", "a=b;SRV=two;c=d;e=f", ""}, {"GET", "SRV=two;a=b;c=d", ""}, {"GET", "a=b ; SRV=two", ""},
	{"GET", "a=b && SRV=two && c=d", ""}, {"GET", "a=b;x=\"q;r\"; SRV=one", ""}, {"GET", "a=b; SRV=two~s; c=d", ""},
	{"GET", "SRV=one; SRV=two", ""}, {"GET", "SRV=nobody; SRV=two", ""}, {"GET", "SRV=three; SRV=nobody", ""}, {"GET", "SRV=nobody; SRV=three", ""}, {"GET", "SRV=one && SRV=two", ""},
	{"GET", "a=b; SRV=one; SRV=two; c=d", ""},
	{"GET", "SRV=one|NOW", ""}, {"GET", "SRV=one|NOW|NOW", ""}, {"GET", "SRV=one|OLD", ""}, {"GET", "SRV=one|NOW|OLD", ""}, {"GET", "SRV=one|OLD|OLD", ""},
	{"GET", "SRV=one|FUTURE", ""}, {"GET", "SRV=one|xx", ""}, {"GET", "SRV=one|", ""}, {"GET", "SRV=nobody|NOW", ""}, {"GET", "SRV=three|NOW", ""}, {"GET", "a=b; SRV=two|NOW|NOW; c=d", ""},
	{"GET", "c=s6; e=f; SRV=one", ""}, {"GET", "c=nope; e=f; SRV=one", ""}, {"GET", "c=s3; e=f; SRV=six", ""}, {"GET", "a=b; SRV=one|NOW", ""},
	{"POST", "", ""}, {"POST", "SRV=nobody", ""}, {"POST", "SRV=one|OLD", ""}, {"POST", "SRV=one|NOW", ""}, {"POST", "SRV=two", ""},
	{"GET", "SRV=one", "Set-Cookie: SRV=x; path=/a"}, {"GET", "", "Set-Cookie: SRV=x; path=/a"}, {"GET", "SRV=nobody", "Set-Cookie: SRV=x"},
	{"GET", "", "Set-Cookie: a=b; SRV=x"}, {"GET", "", "Set-Cookie: SRV="}, {"GET", "", "Set-Cookie: SRV"},
	{"GET", "", "Set-Cookie: SRV=\"x\"; HttpOnly"}, {"GET", "", "Set-Cookie: srv=x"},
	{"GET", "", "Set-Cookie: SRV=x && Set-Cookie: other=y"}, {"GET", "", "Set-Cookie: SRV=x && Set-Cookie: SRV=y"},
	{"GET", "", "Cache-Control: max-age=10"}, {"GET", "", "Cache-Control: public"}, {"GET", "", "Cache-Control: no-cache"}, {"GET", "", "Cache-Control: private"},
	{"GET", "", "Cache-Control: no-store"}, {"GET", "", "Expires: x"}, {"GET", "", "ETag: \"a\""}, {"GET", "", "Last-Modified: x"}, {"GET", "", "Cache-Control: max-age=0"},
	{"GET", "", "Cache-Control: no-cache=\"set-cookie\""}, {"GET", "", "Pragma: no-cache"}, {"GET", "", "Cache-Control: s-maxage=0"}, {"GET", "", "Cache-Control: must-revalidate, max-age=5"},
	{"GET", "", "Pragma: no-cache && Cache-Control: public"}, {"POST", "", "Cache-Control: max-age=10"}, {"HEAD", "", "Cache-Control: max-age=10"},
	{"PUT", "", "Cache-Control: max-age=10"}, {"DELETE", "", "Cache-Control: max-age=10"}, {"OPTIONS", "", "Cache-Control: max-age=10"},
	{"GET", "", "Cache-Control: max-age"}, {"GET", "", "Cache-Control: no-cache=\"set-cookie\", max-age=5"}, {"GET", "", "Cache-Control: private=\"x\", Max-Age=5"},
	{"GET", "", "Cache-Control: public, max-age=5"}, {"GET", "", "Cache-Control: max-age=\"10\""}, {"GET", "", "ETag: x && Pragma: no-cache"}, {"GET", "", "ETag: x && Pragma: No-Cache && Cache-Control: public"},
	{"GET", "", "Cache-Control: NO-STORE, max-age=5"}, {"GET", "", "Cache-Control: max-age=5 && Cache-Control: private"}, {"GET", "", "Cache-Control: s-maxage=5"}, {"GET", "", "Cache-Control: max-age=x"},
	{"GET", "", "Cache-Control: public, no-cache"}, {"GET", "", "Cache-Control: no-cache, public"},
}

// TestCookiesAreHAProxys sends the same requests through both, in every mode,
// and compares what the server sees, what the client gets and what is logged.
func TestCookiesAreHAProxys(t *testing.T) {
	w := &witness{}
	a, b := serving(t, w), serving(t, w)
	var text strings.Builder
	text.WriteString(cookieConfig)
	for i, mode := range cookieModes {
		fmt.Fprintf(&text, "listen m%d\n    bind unix@$DIR/m%d\n    %s\n%s", i, i, mode, cookieServers)
		if strings.Contains(mode, "dynamic") {
			fmt.Fprintf(&text, "    server s7 %s weight 0\n", b)
		}
	}
	theirs, ours := twoSides(t, strings.NewReplacer("$A", a, "$B", b).Replace(text.String()))
	stamp := func(at time.Time) string {
		n := at.Unix() >> 2
		s := ""
		for shift := 24; shift >= 0; shift -= 6 {
			s += string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[n>>shift&63])
		}
		return s
	}
	wrong := 0
	for i, mode := range cookieModes {
		type pair struct{ about, got, want string }
		var pairs []pair
		name := "SRV"
		if _, after, ok := strings.Cut(mode, "cookie "); ok {
			name = strings.Fields(after)[0]
		}
		for _, r := range cookieRequests {
			now := time.Now()
			var req strings.Builder
			fmt.Fprintf(&req, "%s / HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\n", r.method)
			cookies := strings.NewReplacer("NOW", stamp(now.Add(-8*time.Second)), "OLD", stamp(now.Add(-30*time.Hour)),
				"FUTURE", stamp(now.Add(72*time.Hour)), "SRV", name).Replace(r.cookies)
			for _, c := range strings.Split(cookies, " && ") {
				if c != "" {
					fmt.Fprintf(&req, "Cookie: %s\r\n", c)
				}
			}
			for _, say := range strings.Split(r.say, " && ") {
				if say != "" {
					fmt.Fprintf(&req, "X-Say: %s\r\n", strings.ReplaceAll(say, "SRV", name))
				}
			}
			if r.method == "POST" {
				req.WriteString("Content-Length: 1\r\n\r\nx")
			} else {
				req.WriteString("\r\n")
			}
			of := func(s *side) string {
				reply := date.ReplaceAllString(s.send(t, fmt.Sprintf("m%d", i), req.String()), "|DATE")
				return reply + "\nthe server saw " + w.take()
			}
			pairs = append(pairs, pair{fmt.Sprintf("%s: %s %q, the server says %q", mode, r.method, cookies, r.say), of(ours), of(theirs)})
		}
		for _, p := range pairs { // all at once: our log is written in batches
			p.got, p.want = p.got+"\nlogged "+ours.logged(t), p.want+"\nlogged "+theirs.logged(t)
			if p.got != p.want {
				if wrong++; wrong <= 25 {
					t.Errorf("%s\n got %q\nwant %q", p.about, p.got, p.want)
				}
			}
		}
	}
	t.Logf("%d of %d exchanges differ", wrong, len(cookieModes)*len(cookieRequests))
}
