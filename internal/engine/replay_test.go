package engine

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

const replayConfig = `
global
    stats socket $DIR/sock level admin
    nbthread 1
defaults
    mode http
    timeout connect 20s
    timeout client 1m
    timeout server 1m
    log $LOG local0
    log-format "@@%b %ST %tsc %s %rc %rp"
`

// TestARequestOutlivesItsServer plays servers that fail to a bascule with its
// own defaults: each row ends with the log line of its request, and with
// what show stat tells of the backend.
func TestARequestOutlivesItsServer(t *testing.T) {
	const own = "option replay-idempotency-key\n option replay-on-silence"
	tests := []struct {
		name, lines, request, servers string
		want                          string // the log line
		asked                         string // what the servers were asked
		counted                       string // columns of the backend that are not 0
	}{
		{"a GET that is reset", "", "GET", "rst|200", "200 ---- b +1 S", "GET 0 rst|GET 0 200", "replayed=1"},
		{"a GET that is ended", "", "GET", "fin|200", "200 ---- b +1 S", "GET 0 fin|GET 0 200", "replayed=1"},
		{"a GET answered by half a head", "", "GET", "half|200", "200 ---- b +1 S", "GET 0 half|GET 0 200", "replayed=1"},
		{"a GET answered by no HTTP", "", "GET", "junk|200", "200 ---- b +1 S", "GET 0 junk|GET 0 200", "replayed=1"},
		{"a GET in silence", "", "GET", "silent|200", "200 ---- b +1 S", "GET 0 silent|GET 0 200", "replayed=1"},
		{"a PUT that is reset", "", "PUT", "rst|200", "200 ---- b +1 S", "PUT 5 rst|PUT 5 200", "replayed=1"},
		{"a PUT in silence", "", "PUT", "silent|200", "504 sH-- a 0 -", "PUT 5 silent|", ""},
		{"a PUT in silence, as wished", own, "PUT", "silent|200", "200 ---- b +1 S", "PUT 5 silent|PUT 5 200", "replayed=1"},
		{"a POST that is reset", "", "POST", "rst|200", "502 SH-- a 0 -", "POST 5 rst|", ""},
		{"a POST that is ended", "option redispatch 1", "POST", "fin|200", "502 SH-- a 0 -", "POST 5 fin|", ""},
		{"a POST with a key", "", "KEYED", "rst|200", "502 SH-- a 0 -", "POST 5 rst|", ""},
		{"a POST with a key that counts", own, "KEYED", "rst|200", "200 ---- b +1 S", "POST 5 rst|POST 5 200", "replayed=1"},
		{"a POST without one there", own, "POST", "rst|200", "502 SH-- a 0 -", "POST 5 rst|", ""},
		{"a refused POST", "", "POST", "gone|200", "200 ---- b +1 -", "|POST 5 200", ""},
		{"a body that is not kept", "replay-body-size 4", "PUT", "rst|200", "502 SH-- a 0 k", "PUT 5 rst|", "replay_size=1 unkept=1"},
		{"no body is kept", "replay-body-size 0", "GET", "rst|200", "200 ---- b +1 S", "GET 0 rst|GET 0 200", "replayed=1"},
		{"no server is left", "", "GET", "rst|fin", "502 SH-- b +1 Sn", "GET 0 rst|GET 0 fin", "replayed=1 replay_nowhere=1"},
		{"one server alone", "", "GET", "rst 200", "502 SH-- a 0 n", "GET 0 rst", "replay_nowhere=1"},
		{"the bound", "cookie S insert indirect", "GET a", "rst 200|200", "200 --VN a 1 S", "GET 0 rst, GET 0 200|", "replayed=1"},
		{"the bound with redispatch", "cookie S insert indirect\n option redispatch", "GET a", "rst 200|200", "200 --DI b +1 S", "GET 0 rst|GET 0 200", "replayed=1"},
		{"the bound in silence", "cookie S insert indirect", "GET a", "silent 200|200", "504 sHVN a 0 -", "GET 0 silent|", ""},
		{"retries 0", "retries 0", "GET", "rst|200", "502 SH-- a 0 -", "GET 0 rst|", ""},
		{"no option safe-replay", "no option safe-replay\n option redispatch", "GET", "rst|200", "502 SH-- a 0 -", "GET 0 rst|", ""},
		{"disable-l7-retry", "http-request disable-l7-retry", "GET", "rst|200", "502 SH-- a 0 -", "GET 0 rst|", ""},
		{"retry-on, for POST too", "retry-on empty-response 503", "POST", "rst|503 200", "200 ---- b +2 S", "POST 5 rst|POST 5 503, POST 5 200", ""},
	}
	text := replayConfig
	var actors [][]*actor
	for i, c := range tests {
		text += fmt.Sprintf("listen c%d\n bind unix@$DIR/c%d\n %s\n %s\n", i, i, hurry(c.servers), c.lines)
		var cast []*actor
		for n, script := range strings.Split(c.servers, "|") {
			addr, a := playActor(t, script)
			cast = append(cast, a)
			name := string('a' + rune(n))
			text += fmt.Sprintf(" server %s %s cookie %s\n", name, addr, name)
		}
		actors = append(actors, cast)
	}
	lost, _ := playActor(t, "rst")
	good, _ := playActor(t, "200")
	text += fmt.Sprintf("listen budget\n bind unix@$DIR/budget\n server a %s\n server b %s\n", lost, good)
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &side{log: l, dir: shortDir(t)}
	runIn(t, s.dir, strings.ReplaceAll(text, "$LOG", l.LocalAddr().String()))
	t.Run("as long as the budget lasts", func(t *testing.T) {
		line := ""
		for n := 0; !strings.HasSuffix(line, " b"); n++ {
			if n == 10_000 { // the burst is a second's requests
				t.Fatalf("after %d requests that were all lost once the last was logged %q", n, line)
			}
			if _, err := s.word("budget", "GET"); err != nil {
				t.Fatal(err)
			}
			line = strings.TrimSpace(s.logged(t))
		}
		if got := (&queued{side: s, be: "budget"}).columns(t, "BACKEND", "replay_budget"); line != "budget 502 SH-- a 0 b" || got[0] != "1" {
			t.Errorf("logged %q, refused %s", line, got)
		}
	})
	columns := []string{"replayed", "replayed_unsent", "races", "replay_budget", "replay_size", "replay_nowhere", "unkept"}
	var all sync.WaitGroup
	for i, c := range tests {
		all.Go(func() { // ends with its request
			if _, err := s.word(fmt.Sprintf("c%d", i), c.request); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	lines := map[string]string{} // by section
	for range tests {
		section, line, _ := strings.Cut(strings.TrimSpace(s.logged(t)), " ")
		lines[section] = line
	}
	for i, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			section := fmt.Sprintf("c%d", i)
			if line := lines[section]; line != c.want {
				t.Errorf("logged %q, want %q", line, c.want)
			}
			var asked, counted []string
			for _, a := range actors[i] {
				asked = append(asked, a.seen())
			}
			if got := strings.Join(asked, "|"); c.asked != "" && got != c.asked {
				t.Errorf("the servers were asked %q, want %q", got, c.asked)
			}
			for j, v := range (&queued{side: s, be: section}).columns(t, "BACKEND", columns...) {
				if v != "0" {
					counted = append(counted, columns[j]+"="+v)
				}
			}
			if want := strings.Fields(c.counted); c.counted != "" && !slices.Equal(counted, want) || c.counted == "" && slices.ContainsFunc(counted, func(s string) bool { return !strings.HasPrefix(s, "replayed=") }) {
				t.Errorf("counted %q, want %q", counted, want)
			}
		})
	}
}
