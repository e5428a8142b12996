package engine

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
)

// A gate is servers that hold every request until the test lets it go. One
// stands behind each side.
type gate struct {
	mu      sync.Mutex
	arrived []string // server/request, in order
	doors   map[string]chan struct{}
}

func (g *gate) door(name string) chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.doors[name] == nil {
		g.doors[name] = make(chan struct{})
	}
	return g.doors[name]
}

// server is one of the gate's servers.
func (g *gate) server(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.arrived = append(g.arrived, name+r.URL.Path)
		g.mu.Unlock()
		select {
		case <-g.door(r.URL.Path):
		case <-r.Context().Done():
		}
	})
}

func (g *gate) order() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(slices.Sorted(slices.Values(g.arrived)), " ") // those of one step race
}

const queueConfig = `
global
    stats socket $DIR/sock level admin
    nbthread 1
    maxconn 200
defaults
    mode http
    timeout connect 30s
    timeout client 5m
    timeout server 5m
    timeout queue 5m
    retries 0
    .if feature(BASCULE)
    no option safe-replay
    no option redispatch-at-once
    .endif
    $LOG
    log-format "@@%HP %ST %tsc %b/%s %sq/%bq %rc"
`

// queueCases are the lines of a backend with servers $A, $B and $C, and what
// happens to it: "+x" a request of the name x comes, "+x:c" with the cookie c,
// "-x" its server answers, "~x" it is given up, "=…" both show that, "@…" a runtime
// command.
var queueCases = []struct{ name, lines, steps string }{
	{"the backend's queue is first in, first out", "balance roundrobin\n server a $A maxconn 1\n server b $B maxconn 1",
		"+1 +2 +3 +4 +5 -2 -1 -3 -4 -5"},
	{"weights and unequal limits", "balance roundrobin\n server a $A maxconn 2 weight 3\n server b $B maxconn 1",
		"+1 +2 +3 +4 +5 +6 -1 -2 -3 -4 +7 -5 -6 -7"},
	{"static-rr passes by who is full", "balance static-rr\n server a $A maxconn 1\n server b $B\n server c $C",
		"+1 +2 +3 +4 +5 +6 +7 -1 +8 +9"},
	{"roundrobin passes by who is full", "balance roundrobin\n server a $A maxconn 1\n server b $B\n server c $C",
		"+1 +2 +3 +4 +5 +6 +7 +8"},
	{"leastconn", "balance leastconn\n server a $A\n server b $B\n server c $C weight 2", "+1 +2 +3 +4 +5 +6 +7 -2 +8 -1 +9"},
	{"leastconn with limits", "balance leastconn\n server a $A maxconn 1\n server b $B maxconn 2", "+1 +2 +3 +4 +5 -2 -3 -1 -4 -5"},
	{"first", "balance first\n server a $A maxconn 2\n server b $B maxconn 1\n server c $C maxconn 1", "+1 +2 +3 +4 +5 +6 -3 -1 +7 -2 -4 -5 -6 -7"},
	{"first goes by the id", "balance first\n server a $A maxconn 1 id 9\n server b $B maxconn 1 id 3", "+1 +2 -1 -2 +3"},
	{"a hashed server is waited for", "balance uri\n server a $A maxconn 1\n server b $B maxconn 1", "+1 +1 +1 +2 +2 -1 -2"},
	{"a hashed server alone", "balance uri\n server a $A maxconn 1", "+1 +2 +3 -1 -2 -3"},
	{"bounded load", "balance uri\n hash-type consistent\n hash-balance-factor 120\n server a $A\n server b $B\n server c $C weight 3", "+1 +1 +1 +1 +1 +1 +1 +2 +2 +2 +2"},
	{"cookies wait for their server, in one line with the others", "cookie K insert indirect\n server a $A maxconn 1 cookie a\n server b $B maxconn 1 cookie b",
		"+1 +2 +3:a +4 +5:a +6:b -1 -2 -3 -4 -5 -6"},
	{"maxqueue without redispatch", "cookie K insert indirect\n server a $A maxconn 1 maxqueue 1 cookie a\n server b $B maxconn 1 cookie b",
		"+1:a +2:a +3:a -1 -2"},
	{"maxqueue with redispatch", "cookie K insert indirect\n option redispatch\n server a $A maxconn 1 maxqueue 1 cookie a\n server b $B maxconn 1 cookie b",
		"+1:a +2:a +3:a +4:a -3 -4 -1 -2"},
	{"maxqueue of a hashed server", "balance uri\n option redispatch\n server a $A maxconn 1 maxqueue 1\n server b $B maxconn 1 maxqueue 1", "+1 +1 +1 -1"},
	{"minconn grows with the load", "balance roundrobin\n fullconn 10\n server a $A minconn 1 maxconn 5\n server b $B minconn 2 maxconn 4",
		"+1 +2 +3 +4 +5 +6 +7 +8 +9 +10 +11 -1 -2 -3 -4 -5 -6 -7 -8"},
	{"fullconn by itself", "balance roundrobin\n server a $A minconn 1 maxconn 100", "+1 +2 +3 +4 +5 -1 -2 -3 -4 -5"},
	{"timeout queue", "timeout queue 300ms\n server a $A maxconn 1", "+1 +2 ~2 +3 ~3 -1 +4 -4"},
	{"timeout queue of a server's queue", "timeout queue 300ms\n cookie K insert indirect\n server a $A maxconn 1 cookie a\n server b $B cookie b", "+1:a +2:a ~2 +3 +4:a ~4 -1 +5:a -5"},
	{"without timeout queue that of connect counts", "timeout queue 0\n timeout connect 300ms\n server a $A maxconn 1", "+1 +2 ~2 -1"},
	{"retries wait in line", "retries 1\n option redispatch\n server x 127.0.0.1:1 maxconn 1\n server b $B maxconn 1", "+1 =arrived_b/1 +2 =hrsp_5xx=1 -1 -2"},
	{"a drained server's queue moves with redispatch", "cookie K insert indirect\n option redispatch\n server a $A maxconn 1 cookie a\n server b $B maxconn 1 cookie b",
		"+1:a +2:a +3:a @set_server_BE/a_state_maint -1 -2 -3"},
	{"a server that comes back serves the queue", "server a $A maxconn 1\n server b $B maxconn 1",
		"@set_server_BE/b_state_maint +1 +2 +3 @set_server_BE/b_state_ready -1 -2 -3"},
	{"allbackups", "option allbackups\n server a $A disabled\n server b $B maxconn 1 backup\n server c $C maxconn 1 backup", "+1 +2 +3 -1 -2 -3"},
}

// A queued is one side of a case: its gate, its clients and their replies.
type queued struct {
	*side
	gate    *gate
	be      string
	clients map[string][]net.Conn
}

// lines are the next n of the log, those of one step: what ends together does so in
// any order.
func (q *queued) lines(t *testing.T, n int) string {
	t.Helper()
	list := make([]string, n)
	for i := range list {
		list[i] = q.logged(t)
	}
	slices.Sort(list)
	return strings.Join(list, "")
}

func (q *queued) open(name, cookie string) error {
	conn, err := net.Dial("unix", q.dir+"/"+q.be)
	if err != nil {
		return err
	}
	q.clients[name] = append(q.clients[name], conn)
	fields := ""
	if cookie != "" {
		fields = "Cookie: K=" + cookie + "\r\n"
	}
	_, err = fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\n%s\r\n", name, fields)
	return err
}

// state is the columns of `show stat` that queues and limits change.
func (q *queued) state(t *testing.T) string {
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(ask(t, q.dir+"/sock", "show stat "+q.be+" -1 -1\n"), "# "))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, row := range rows[1:] {
		if row[1] == "FRONTEND" {
			continue
		}
		fmt.Fprintf(&b, "%s:", row[1])
		for i, name := range rows[0] {
			switch name {
			case "qcur", "qmax", "scur", "smax", "slim", "stot", "econ", "wretr", "wredis", "weight", "qlimit", "throttle", "hrsp_2xx", "hrsp_5xx", "cli_abrt", "status":
				fmt.Fprintf(&b, " %s=%s", name, row[i])
			}
		}
		b.WriteByte('\n')
	}
	return b.String() + "arrived " + q.gate.order()
}

func (q *queued) end() {
	for _, conns := range q.clients {
		for _, c := range conns {
			c.Close()
		}
	}
}

// pair is haproxy and bascule, in this order.
type pair [2]*queued

// step takes both one step on, waits until it has had its effect and compares.
func (p *pair) step(t *testing.T, step string, opened, ended *int) {
	t.Helper()
	name, cookie, _ := strings.Cut(step[1:], ":")
	for _, q := range p {
		switch step[0] {
		case '+':
			if err := q.open(name, cookie); err != nil {
				t.Fatal(err)
			}
		case '-':
			close(q.gate.door("/" + name))
		case '@':
			ask(t, q.dir+"/sock", strings.NewReplacer("BE", q.be, "_", " ").Replace(name)+"\n")
		}
	}
	for _, q := range p {
		if step[0] != '-' && step[0] != '~' {
			break
		}
		for _, conn := range q.clients[name] {
			_ = conn.SetReadDeadline(time.Now().Add(patience)) // a fresh deadline cannot fail
			if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
				t.Fatalf("%s: %v", step, err)
			}
			conn.Close()
		}
	}
	switch step[0] {
	case '+':
		*opened++
	case '-', '~':
		*ended += len(p[0].clients[name])
	}
	shown := ""
	if step[0] == '=' {
		shown = strings.ReplaceAll(step[1:], "_", " ")
	}
	var want, got string
	for end := time.Now().Add(patience); ; {
		want, got = p[0].state(t), p[1].state(t)
		time.Sleep(2 * time.Millisecond) // haproxy orders those who wait by milliseconds
		if want == got && settled(want, *opened, *ended) && strings.Contains(strings.ReplaceAll(want, "_", " "), shown) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after %s\n got %s\nwant %s", step, got, want)
		}
	}
}

// settled says whether of so many requests the backend has all, under way or
// answered; and has answered no fewer than those whose answer was read.
func settled(state string, opened, ended int) bool {
	_, row, _ := strings.Cut(state, "BACKEND:")
	count := func(column string) int {
		_, rest, _ := strings.Cut(row, " "+column+"=")
		n, _ := strconv.Atoi(strings.FieldsFunc(rest+" ", unicode.IsSpace)[0]) // no number is none
		return n
	}
	answered := count("hrsp_2xx") + count("hrsp_5xx")
	return count("scur")+answered == opened && answered >= ended
}

// TestQueuesAreHAProxys lets the same requests come and go in both, and compares
// after each step what `show stat` says and which requests the servers have.
func TestQueuesAreHAProxys(t *testing.T) {
	var text [2]strings.Builder
	gates := make([][2]*gate, len(queueCases))
	for i, c := range queueCases {
		for k := range 2 {
			g := &gate{doors: map[string]chan struct{}{}}
			gates[i][k] = g
			var addr []string
			for _, n := range []string{"a", "b", "c"} {
				addr = append(addr, "$"+strings.ToUpper(n), serving(t, g.server(n)))
			}
			fmt.Fprintf(&text[k], "listen q%d\n bind unix@$DIR/q%d\n %s\n", i, i, strings.NewReplacer(addr...).Replace(c.lines))
		}
	}
	theirs, ours := twoTexts(t, queueConfig+text[0].String(), queueConfig+text[1].String())
	for i, c := range queueCases {
		t.Run(c.name, func(t *testing.T) {
			be := fmt.Sprintf("q%d", i)
			both := pair{{theirs, gates[i][0], be, map[string][]net.Conn{}}, {ours, gates[i][1], be, map[string][]net.Conn{}}}
			defer func() {
				for _, q := range both {
					q.end()
				}
			}()
			opened, ended := 0, 0
			var ends []int // of each step
			for _, step := range strings.Fields(c.steps) {
				before := ended
				both.step(t, step, &opened, &ended)
				ends = append(ends, ended-before)
			}
			for i, n := range ends {
				if want, got := both[0].lines(t, n), both[1].lines(t, n); got != want {
					t.Errorf("step %d logged\n%swant\n%s", i, got, want)
				}
			}
		})
	}
}
