package engine

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"bascule/internal/events"
)

// followed is a page that follows: lines of the stream as they come.
type followed struct {
	*bufio.Scanner
	t    *testing.T
	conn net.Conn
}

func follow(t *testing.T, addr string) *followed {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET /stats;events HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%v, %v", res, err)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	return &followed{lines, t, conn}
}

// until reads up to a line.
func (f *followed) until(line string) {
	f.t.Helper()
	for f.Scan() {
		if strings.HasPrefix(f.Text(), line) {
			return
		}
	}
	f.t.Fatalf("the stream ends without %q: %v", line, f.Err())
}

// end reads to the end of the reply, which must be a whole one.
func (f *followed) end() {
	f.t.Helper()
	for f.Scan() {
	}
	if err := f.Err(); err != nil {
		f.t.Errorf("the stream is cut: %v", err)
	}
}

func pageAt(t *testing.T, more string) (cfg, addr string) {
	addr = freeAddr(t)
	return reloadHead + "frontend stats\n    bind " + addr + "\n    stats uri /stats\n" + more + "backend app\n    server s 127.0.0.1:9\n", addr
}

// TestAPageThatFollowsOutlivesTheClientsTimeout: its client says nothing while frames
// come, and that is how it should be.
func TestAPageThatFollowsOutlivesTheClientsTimeout(t *testing.T) {
	cfg, addr := pageAt(t, "    timeout client 50ms\n    timeout http-request 1m\n")
	run(t, cfg)
	f := follow(t, addr)
	for range 3 {
		f.until("event: frame")
	}
}

func TestAPageThatFollowsHoldsUpNoStop(t *testing.T) {
	cfg, addr := pageAt(t, "")
	b := run(t, cfg)
	f := follow(t, addr)
	f.until("event: frame")
	done := b.SoftStop()
	f.until("event: bye")
	f.until(`data: "stop"`)
	f.end()
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("the process does not stop")
	}
}

func TestAPageThatFollowsComesAgainAfterAReload(t *testing.T) {
	cfg, addr := pageAt(t, "")
	b := run(t, cfg)
	f := follow(t, addr)
	f.until("event: frame")
	b.reload(cfg + "backend more\n    server m 127.0.0.1:9\n")
	f.until("event: bye")
	f.until(`data: "reload"`)
	f.end()
	f = follow(t, addr)
	f.until("event: world")
	f.until("data: ")
	if !strings.Contains(f.Text(), `"name":"more"`) {
		t.Errorf("the new page lacks the new backend: %s", f.Text())
	}
	becomes(t, "pages that follow", 1, b.board.Followers) // the old one may end behind its last word
	f.conn.Close()
	eventually(t, "nobody follows", func() bool { return b.board.Followers() == 0 })
}

// TestAnOrderOfThePage: over a real connection `stats admin` is asked for both the page
// and the order.
func TestAnOrderOfThePage(t *testing.T) {
	cfg, addr := pageAt(t, "    stats admin if { req.hdr(x-boss) yes }\n")
	b := run(t, cfg)
	for _, boss := range []bool{false, true} {
		for _, tt := range []struct{ method, target, body string }{{"GET", "/stats;live", ""}, {"POST", "/stats;act", "action=maint&backend=app&server=s"}} {
			req, err := http.NewRequest(tt.method, "http://"+addr+tt.target, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if boss {
				req.Header.Set("X-Boss", "yes")
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if may := strings.Contains(string(text), `data-order="maint"`) || strings.Contains(string(text), `"ok":true`); may != boss {
				t.Errorf("%s as boss %v: %d %.200s", tt.method, boss, res.StatusCode, text)
			}
		}
		if maint := b.order.Load().backends[0].Server("s").State().Admin.Maint(); maint != boss {
			t.Errorf("as boss %v the server is in maintenance: %v", boss, maint)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestAFormOfTheClassicPage: a browser's form changes servers, and each one is told with
// user and address; one that another site's page had sent does nothing.
func TestAFormOfTheClassicPage(t *testing.T) {
	cfg, addr := pageAt(t, "    stats auth ops:secret\n    stats admin if TRUE\n")
	b := run(t, strings.Replace(cfg, "server s 127", "server s2 127.0.0.1:9\n    server s 127", 1))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, tt := range []struct {
		name, form       string
		fields           [2]string
		outcome, audited string
	}{
		{"of another site", "s=s&action=maint&b=app", [2]string{"Sec-Fetch-Site", "cross-site"}, "DENY", "maint of app/s, ordered by ops from 127.0.0.1:0: refused: the request comes from another site's page"},
		{"of another origin", "s=s&action=maint&b=app", [2]string{"Origin", "https://elsewhere.example"}, "DENY", "maint of app/s, ordered by ops from 127.0.0.1:0: refused: the request comes from another site's page"},
		{"of another port", "s=s&action=maint&b=app", [2]string{"Origin", "http://127.0.0.1:1"}, "DENY", "maint of app/s, ordered by ops from 127.0.0.1:0: refused: the request comes from another site's page"},
		{"of a page in a frame without an origin", "s=s&action=maint&b=app", [2]string{"Origin", "null"}, "DENY", "maint of app/s, ordered by ops from 127.0.0.1:0: refused: the request comes from another site's page"},
		{"of the page", "s=s&s=s2&action=maint&b=app", [2]string{"Origin", "http://" + addr}, "DONE", "maint of app/s, app/s2, ordered by ops from 127.0.0.1:0: done"},
		{"of a program", "s=s2&action=ready&b=%233", [2]string{"User-Agent", "curl"}, "DONE", "ready of app/s2, ordered by ops from 127.0.0.1:0: done"},
		{"of one that is gone", "s=s2&s=s9&action=ready&b=app", [2]string{"User-Agent", "curl"}, "PART", "ready of app/s2, app/s9, ordered by ops from 127.0.0.1:0: failed for some"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest("POST", "http://"+addr+"/stats", strings.NewReader(tt.form))
			if err != nil {
				t.Fatal(err)
			}
			req.SetBasicAuth("ops", "secret")
			req.Header.Set(tt.fields[0], tt.fields[1])
			before := b.events.Last()
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if got := res.Header.Get("Location"); res.StatusCode != 303 || got != "/stats;st="+tt.outcome {
				t.Errorf("%d %s", res.StatusCode, got)
			}
			var got []string
			for _, e := range b.events.Since(before) {
				if e.Kind == events.Action {
					got = append(got, regexp.MustCompile(`(127\.0\.0\.1):\d+`).ReplaceAllString(e.Text, "$1:0"))
				}
			}
			if len(got) != 1 || got[0] != "Page: "+tt.audited {
				t.Errorf("told %q", got)
			}
			if maint := b.order.Load().backends[0].Server("s").State().Admin.Maint(); tt.outcome == "DENY" && maint {
				t.Error("a refused order was carried out")
			}
		})
	}
}
