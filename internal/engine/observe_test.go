package engine

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// misbehave answers each request as its path says.
func misbehave(c net.Conn) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	say := func(text string) { _, _ = io.WriteString(c, text) }
	switch path := r.URL.Path; path {
	case "/reset":
		reset(c)
	case "/close":
	case "/slow":
		toEnd(c)
	case "/junk":
		say("no HTTP\r\n\r\n")
	case "/cut":
		say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
	case "/early":
		say("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	default:
		say("HTTP/1.1 " + path[1:] + " Word\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	}
}

// observeCases are options of a server and the requests that it gets.
var observeCases = []struct{ options, paths string }{
	{"observe layer7 error-limit 3", "/500 /500 /500"},
	{"observe layer7 error-limit 3", "/500 /500 /200 /500 /500"},
	{"observe layer7 error-limit 3", "/500 /501 /500 /505 /500 /404 /500 /500"},
	{"observe layer7 error-limit 3", "/503 /502 /504"},
	{"observe layer7 error-limit 2", "/reset /reset"},
	{"observe layer7 error-limit 2", "/close /close"},
	{"observe layer7 error-limit 2", "/slow /slow"},
	{"observe layer7 error-limit 2", "/junk /junk"},
	{"observe layer7 error-limit 1", "/cut /cut"},
	{"observe layer7 error-limit 2", "/early /early /early"},
	{"observe layer7 error-limit 2", "/500 /reset /close /slow /junk"},
	{"observe layer7 error-limit 2", "refused refused"},
	{"observe layer4 error-limit 2", "refused refused refused refused refused refused"},
	{"observe layer4 error-limit 2", "/500 /500 /reset /close /junk"},
	{"observe none error-limit 2", "/500 /500 /500"},
	{"observe layer7 error-limit 1 on-error fastinter", "/500 /500 /500 /500"},
	{"observe layer7 error-limit 1 on-error fail-check", "/500 /500"},
	{"observe layer7 error-limit 1 on-error fail-check", "/500 /500 /500"},
	{"observe layer7 error-limit 1 on-error sudden-death", "/500"},
	{"observe layer7 error-limit 1 on-error sudden-death", "/500 /500"},
	{"observe layer7 error-limit 1 on-error mark-down", "/500"},
	{"observe layer7 error-limit 2 on-error mark-down fall 5", "/500 /500"},
	{"observe layer7 on-error mark-down", strings.Repeat("/500 ", 9)},
	{"observe layer7 on-error mark-down", strings.Repeat("/500 ", 10)},
}

// sessionsLeft differs: the stream that tipped the scale may have ended or not.
var sessionsLeft = regexp.MustCompile(`\d+ sessions`)

// TestObserveIsHAProxys gives both the same bad traffic and compares what they
// make of it. Checks come once an hour and a state file says that all is well,
// so that nothing else changes a state.
func TestObserveIsHAProxys(t *testing.T) {
	state := filepath.Join(shortDir(t), "state")
	lines, text := "1\n", `
global
    nbthread 1
    stats socket $DIR/sock level admin
    server-state-file `+state+`
defaults
    mode http
    retries 0
    timeout connect 30s
    timeout client 1m
    timeout server 1m
    $LOG
    option log-health-checks
    load-server-state-from-file global
`
	for i, c := range observeCases {
		addr := freeAddr(t)
		if !strings.HasPrefix(c.paths, "refused") {
			addr = playServer(t, misbehave)
		}
		full := 4
		if strings.Contains(c.options, "fall 5") {
			full = 6
		}
		ip, port, _ := strings.Cut(addr, ":")
		lines += fmt.Sprintf("9 o%d 1 s %s 2 0 1 1 9 6 3 %d 6 0 0 0 - %s - 0 0 - - 0\n", i, ip, full, port)
		text += fmt.Sprintf("listen o%d\n bind unix@$DIR/o%d\n $OURS\n http-request set-timeout server 300ms if { path /slow }\n server s %s check inter 1h %s\n server t %s\n use-server s if TRUE\n", i, i, addr, c.options, addr)
	}
	// The first check is made at once: somewhere else.
	text = strings.Replace(text, "listen o0", "listen first\n bind unix@$DIR/first\n server s "+freeAddr(t)+" check inter 1h\nlisten o0", 1)
	if err := os.WriteFile(state, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	theirs, ours := twoTexts(t, strings.ReplaceAll(text, "$OURS", ""), strings.ReplaceAll(text, "$OURS", "no option fast-detect"))
	type seen struct {
		rows map[string]map[string]string
		logs []string
	}
	var both [2]seen
	for k, s := range []*side{theirs, ours} {
		var logs []string
		done := make(chan struct{})
		go func() { // until the line that is the last, or the end of the test closes the socket
			defer close(done)
			buf := make([]byte, 4096)
			for {
				n, _, err := s.log.ReadFrom(buf)
				if err != nil {
					return
				}
				_, line, _ := strings.Cut(string(buf[:n]), "]: ")
				if strings.Contains(line, "Server first/s ") && strings.Contains(line, "maintenance") {
					return
				}
				if strings.Contains(line, "Health analyze") && (strings.HasPrefix(line, "Health check ") || strings.HasPrefix(line, "Server ")) || strings.HasPrefix(line, "Server o") {
					logs = append(logs, sessionsLeft.ReplaceAllString(strings.TrimSpace(line), "N sessions"))
				}
			}
		}()
		get := func(section, path string) {
			conn, err := net.Dial("unix", s.dir+"/"+section)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(patience)) // a fresh deadline cannot fail
			_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", path)
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
		for i, c := range observeCases {
			for path := range strings.FieldsSeq(c.paths) {
				get(fmt.Sprintf("o%d", i), strings.Replace(path, "refused", "/", 1))
			}
		}
		// The one loop has told all when it serves another request, each backend has done
		// all when it takes an order, and the log has all before a later line.
		get("first", "/")
		for i := range observeCases {
			ask(t, s.dir+"/sock", fmt.Sprintf("set weight o%d/t 1\n", i))
		}
		ask(t, s.dir+"/sock", "set server first/s state maint\n")
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("the log has no last line")
		}
		both[k] = seen{rows(ask(t, s.dir+"/sock", "show stat\n")), logs}
	}
	for i, c := range observeCases {
		name := fmt.Sprintf("o%d/s", i)
		for _, column := range []string{"status", "check_status", "check_desc", "last_chk", "check_health", "chkfail", "chkdown", "hanafail"} {
			if got, want := both[1].rows[name][column], both[0].rows[name][column]; got != want {
				t.Errorf("%s, %s: %s is %q, with haproxy %q", c.options, c.paths, column, got, want)
			}
		}
		of := func(logs []string) (list []string) {
			for _, l := range logs {
				if strings.Contains(l, fmt.Sprintf(" o%d/s ", i)) {
					list = append(list, l)
				}
			}
			return list
		}
		if got, want := of(both[1].logs), of(both[0].logs); !slices.Equal(got, want) {
			t.Errorf("%s, %s: logged\n%s\nhaproxy\n%s", c.options, c.paths, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}
