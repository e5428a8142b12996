package check

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// A history is one backend whose server, or whose server's agent, plays a
// script: what each check is answered.
type history struct {
	name  string
	lines string // of the backend: @P is the port of the script, @O that of a server which is always well
	words []string
	order map[int]string // "set server" commands, given while that check waits
	reply func(word string) string
	seen  string // columns looked at, of the servers s, t, u
	first string // check_status of s before the first look, "": any; what is checked apart from the script goes first
}

// http answers checks of option httpchk.
func httpReply(word string) string {
	return fmt.Sprintf("HTTP/1.1 %s X\r\nContent-Length: 0\r\n\r\n", map[string]string{"ok": "200", "bad": "500", "404": "404", "204": "204"}[word])
}

func line(word string) string { return strings.ReplaceAll(word, "_", " ") + "\n" }

// What is looked at while a check waits, which hides what the last one said.
const health = "status check_status check_health chkfail chkdown weight tracked"

const agency = "status weight agent_status agent_desc agent_rise agent_fall agent_health chkfail chkdown slim tracked"

var histories = []history{
	{name: "fall_3_rise_2", lines: "option httpchk\noption log-health-checks\nserver s 127.0.0.1:@P check inter 250", reply: httpReply, seen: health,
		words: strings.Fields("ok bad ok bad bad ok bad bad bad bad ok bad ok ok ok bad")},
	{name: "fall_1_rise_1", lines: "option httpchk\noption log-health-checks\nserver s 127.0.0.1:@P check inter 250 fall 1 rise 1", reply: httpReply, seen: health,
		words: strings.Fields("bad ok bad bad ok ok bad ok")},
	{name: "fall_2_rise_4", lines: "option httpchk\nserver s 127.0.0.1:@P check inter 250 fall 2 rise 4", reply: httpReply, seen: health,
		words: strings.Fields("ok bad bad ok ok ok bad ok ok ok ok bad ok bad bad")},
	{name: "first_fails", lines: "option httpchk\nserver s 127.0.0.1:@P check inter 250 backup", reply: httpReply, seen: health,
		words: strings.Fields("bad bad ok ok bad")},
	{name: "disable_404", lines: "option httpchk\nhttp-check disable-on-404\noption log-health-checks\nserver s 127.0.0.1:@P check inter 250", reply: httpReply, seen: health,
		words: strings.Fields("ok 404 404 ok 404 bad 404 bad bad bad 404 404 ok ok 404 ok")},
	{name: "disable_404_expect", lines: "option httpchk\nhttp-check disable-on-404\nhttp-check expect status 204\nserver s 127.0.0.1:@P check inter 250", reply: httpReply, seen: health,
		words: strings.Fields("204 404 ok 204 ok ok ok 404 204 204")},
	{name: "conditional", lines: "option httpchk\nhttp-check expect ok-status L7OKC status 200\noption log-health-checks\nserver s 127.0.0.1:@P check inter 250", reply: httpReply, seen: health,
		words: strings.Fields("ok ok bad ok bad bad bad ok ok ok")},
	{name: "orders", lines: "option httpchk\noption log-health-checks\nserver s 127.0.0.1:@P check inter 250", reply: httpReply, seen: health,
		words: strings.Fields("ok ok bad ok ok bad bad bad bad ok ok ok ok ok ok"),
		order: map[int]string{1: "s state drain", 3: "s state ready", 9: "s health up", 11: "s health down", 12: "s weight 0", 13: "s health stopping"}},
	{name: "tracked", lines: "option httpchk\nhttp-check disable-on-404\noption log-health-checks\nserver s 127.0.0.1:@P check inter 250 weight 9\nserver t 127.0.0.1:@P track s\nserver u 127.0.0.1:@P track t backup", reply: httpReply, seen: health,
		words: strings.Fields("ok bad bad bad bad ok ok ok 404 ok ok ok")},
	{name: "tracked_orders", lines: "option httpchk\nserver s 127.0.0.1:@P check inter 250\nserver t 127.0.0.1:@P track s", reply: httpReply, seen: health,
		words: strings.Fields("ok ok ok ok ok ok ok ok ok"),
		order: map[int]string{1: "s state drain", 3: "s state ready", 5: "t state maint", 7: "t state ready"}},
	{name: "agent", lines: "option log-health-checks\nserver s 127.0.0.1:@O weight 10 maxconn 100 agent-check agent-port @P agent-inter 250", reply: line, seen: agency,
		words: strings.Fields("up up 50% down_#_broken nonsense up_200% drain ready_maxconn:7 maint maint ready 10% stopped fail UP up,bogus_30% down_300% maxconn:x up maxconn:3x 100% ready_up")},
	{name: "agent_and_check", lines: "option httpchk\nserver s 127.0.0.1:@O weight 10 check inter 10s agent-check agent-port @P agent-inter 250", reply: line, seen: agency, first: "L7OK",
		words: strings.Fields("up down up fail_#_full 20% up down down up")},
	{name: "agent_tracked", lines: "server s 127.0.0.1:@O weight 10 agent-check agent-port @P agent-inter 250\nserver t 127.0.0.1:@O track s", reply: line, seen: agency,
		words: strings.Fields("up down up up drain drain ready ready")},
	{name: "agent_from_cli", lines: "server s 127.0.0.1:@O agent-check agent-port @P agent-inter 250", reply: line, seen: agency,
		words: strings.Fields("up 100% 100% 100% 100% up 100%"), order: map[int]string{1: "s agent down", 3: "s agent up"}},
	{name: "agent_static", lines: "balance static-rr\nserver s 127.0.0.1:@O weight 10 agent-check agent-port @P agent-inter 250", reply: line, seen: agency,
		words: strings.Fields("50% 100% 0% up_50% up")},
}

// A player plays a history to one balancer and notes what it shows of the
// servers at each check.
type player struct {
	h    *history
	mu   sync.Mutex // mu guards the fields below.
	next int
	seen []string
	done chan struct{} // closed at the end of the script

	look  func() string
	order func(line string)
}

func (p *player) serve(c net.Conn) {
	if strings.HasPrefix(p.h.reply(""), "HTTP") {
		if n, err := c.Read(make([]byte, 4096)); n == 0 || err != nil {
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next >= len(p.h.words) { // the last word for ever, until nothing changes any more
		fmt.Fprint(c, p.h.reply(p.h.words[len(p.h.words)-1]))
		return
	}
	p.seen = append(p.seen, p.look())
	if o := p.h.order[p.next]; o != "" {
		p.order(o)
	}
	fmt.Fprint(c, p.h.reply(p.h.words[p.next]))
	if p.next++; p.next == len(p.h.words) {
		close(p.done)
	}
}

// place starts the player's server and gives the backend's text.
func (p *player) place(t *testing.T, well int) string {
	p.done = make(chan struct{})
	text := strings.ReplaceAll(p.h.lines, "\n", "\n ")
	text = strings.ReplaceAll(text, "@P", fmt.Sprint(listen(t, p.serve)))
	text = strings.ReplaceAll(text, "@O", fmt.Sprint(well))
	return "backend " + p.h.name + "\n timeout check 10s\n " + text + "\n" // the machine may be busy
}

// columns writes down those of a row that a history looks at.
func (h *history) columns(get func(server, column string) string) string {
	var b strings.Builder
	for _, server := range []string{"s", "t", "u"} {
		if !strings.Contains(h.lines, "server "+server+" ") {
			continue
		}
		fmt.Fprintf(&b, "%s:", server)
		for column := range strings.FieldsSeq(h.seen) {
			if v := get(server, column); v != "" {
				fmt.Fprintf(&b, " %s=%q", column, strings.TrimPrefix(v, "* "))
			}
		}
		b.WriteString("; ")
	}
	return b.String()
}

// begun waits until the server has been checked, where the history says so.
func (h *history) begun(t *testing.T, status func() string) {
	if h.first == "" {
		return
	}
	got := ""
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if got = strings.TrimPrefix(status(), "* "); got == h.first {
			return
		}
	}
	t.Errorf("%s: the check of the server is %s, want %s", h.name, got, h.first)
}

// milliseconds differ between two runs.
var milliseconds = regexp.MustCompile(`check duration: \d+ms`)

var ports = regexp.MustCompile(`port=\d+`)

// A journal keeps the messages about each backend in order.
type journal struct {
	mu    sync.Mutex
	lines map[string][]string
}

func (j *journal) add(level int, text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, h := range histories {
		if strings.Contains(text, " "+h.name+"/") || strings.Contains(text, "backend "+h.name+" ") {
			j.lines[h.name] = append(j.lines[h.name], fmt.Sprintf("<%d> %s", level, milliseconds.ReplaceAllString(text, "check duration: Nms")))
		}
	}
}

func (j *journal) of(name string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines[name])
}

// syslog receives HAProxy's messages until the test ends.
func (j *journal) syslog(t *testing.T) int {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var reader sync.WaitGroup
	t.Cleanup(func() { conn.Close(); reader.Wait() })
	message := regexp.MustCompile(`^<(\d+)>.*?\]: (.*)\n?$`)
	reader.Go(func() { // ends with the socket
		buf := make([]byte, 65536)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if m := message.FindStringSubmatch(string(buf[:n])); m != nil {
				var priority int
				fmt.Sscan(m[1], &priority)
				j.add(priority%8, m[2])
			}
		}
	})
	return conn.LocalAddr().(*net.UDPAddr).Port
}

// TestHistoriesGoAsHAProxysDo plays each history to a running HAProxy and to
// us: before every check both show the same, and both log the same.
func TestHistoriesGoAsHAProxysDo(t *testing.T) {
	t.Parallel()
	well := listen(t, answer(hello))
	theirs, ours := make([]*player, len(histories)), make([]*player, len(histories))
	theirLog, ourLog := &journal{lines: map[string][]string{}}, &journal{lines: map[string][]string{}}
	var theirText, ourText strings.Builder
	var o *oracle
	var backends []*backend.Backend
	ready := make(chan struct{}) // closed when both are set
	for i := range histories {
		h := &histories[i]
		theirs[i], ours[i] = &player{h: h}, &player{h: h}
		theirs[i].look = func() string {
			<-ready
			h.begun(t, func() string { return o.column(h, "check_status") })
			return o.row(h)
		}
		theirs[i].order = func(line string) { o.ask("set server " + h.name + "/" + line) }
		ours[i].look = func() string {
			<-ready
			h.begun(t, func() string { return column1(backends[i].Server("s"), "check_status") })
			return ourRow(h, backends[i])
		}
		ours[i].order = func(line string) { command(t, backends[i], line) }
		theirText.WriteString(strings.Replace(theirs[i].place(t, well), "\n", "\n log global\n", 1))
		ourText.WriteString(ours[i].place(t, well))
	}
	o = startOracle(t, theirText.String(), fmt.Sprintf(" log 127.0.0.1:%d local0\n", theirLog.syslog(t)))
	backends = liveTo(t, ourLog.add, parse(t, ourText.String())...)
	close(ready)
	for i := range histories {
		h := &histories[i]
		t.Run(h.name, func(t *testing.T) {
			want, got := theirs[i].wait(t), ours[i].wait(t)
			for k := range want {
				if got[k] != want[k] {
					t.Errorf("before check %d (after %q):\n     got %s\nHAProxy: %s", k+1, strings.Join(h.words[:k], " "), got[k], want[k])
				}
			}
			for until := time.Now().Add(patience / 4); ; time.Sleep(10 * time.Millisecond) {
				theirs, ours := theirLog.of(h.name), ourLog.of(h.name)
				if slices.Equal(theirs, ours) {
					break
				}
				if time.Now().After(until) {
					t.Errorf("logged:\n%s\nHAProxy logged:\n%s", strings.Join(ours, "\n"), strings.Join(theirs, "\n"))
					break
				}
			}
		})
	}
}

func (p *player) wait(t *testing.T) []string {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(2 * patience):
		t.Fatal("the script was not played to its end")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// row is what HAProxy shows.
func (o *oracle) row(h *history) string {
	all, err := o.stat()
	if err != nil {
		return err.Error()
	}
	return h.columns(func(server, column string) string { return all[h.name+"/"+server][column] })
}

// column is one column that HAProxy shows of the server s.
func (o *oracle) column(h *history, name string) string {
	all, err := o.stat()
	if err != nil {
		return err.Error()
	}
	return all[h.name+"/s"][name]
}

// ourRow is the same of ours.
func ourRow(h *history, b *backend.Backend) string {
	return h.columns(func(server, column string) string { return column1(b.Server(server), column) })
}

// column1 is one column of show stat.
func column1(s *backend.Server, name string) string {
	st := s.State()
	v, isAgent := st.Check, strings.HasPrefix(name, "agent_") || name == "last_agt"
	if isAgent {
		v = st.Agent
	}
	checked := name == "status" || name == "weight" || name == "slim" || name == "tracked"
	if !checked && (!v.Enabled || v.Paused && !strings.HasPrefix(name, "chk")) {
		return ""
	}
	switch _, what, _ := strings.Cut(name, "_"); {
	case name == "status":
		return s.Status()
	case name == "weight":
		return fmt.Sprint(st.Weight())
	case name == "slim" && st.MaxConn > 0:
		return fmt.Sprint(st.MaxConn)
	case name == "tracked" && s.Tracked() != nil:
		return s.Tracked().Backend().Name() + "/" + s.Tracked().Name
	case name == "chkfail":
		return fmt.Sprint(st.FailedChecks)
	case name == "chkdown":
		return fmt.Sprint(st.Downs)
	case name == "last_chk" || name == "last_agt":
		return v.Info
	case what == "status":
		return v.Status.String()
	case what == "desc":
		return v.Status.Text()
	case what == "code" && v.Status.HasCode():
		return fmt.Sprint(v.Code)
	case name == "check_health":
		return fmt.Sprint(st.Health)
	case name == "agent_health" && !st.AgentUp:
		return "0"
	case name == "agent_health" || name == "agent_rise" || name == "agent_fall":
		return "1"
	}
	return ""
}

// command carries out what the runtime socket would.
func command(t *testing.T, b *backend.Backend, line string) {
	words := strings.Fields(line)
	srv := b.Server(words[0])
	var e backend.Event
	switch words[1] {
	case "state":
		e = backend.SetState{Srv: srv, Order: agentOrders[words[2]]}
	case "weight":
		e = backend.SetWeight{Srv: srv, Text: words[2]}
	case "agent":
		e = backend.SetAgentHealth{Srv: srv, Up: words[2] == "up"}
	case "health":
		e = backend.SetHealth{Srv: srv, Op: map[string]backend.Op{"up": backend.Running, "down": backend.Stopped, "stopping": backend.Stopping}[words[2]]}
	}
	ask(t, b, e)
}

// liveTo is live with a journal.
func liveTo(t *testing.T, note func(level int, text string), ps ...*config.Proxy) []*backend.Backend {
	t.Helper()
	return liveWith(t, Env{}, note, ps...)
}

func liveWith(t *testing.T, env Env, note func(level int, text string), ps ...*config.Proxy) []*backend.Backend {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var owners sync.WaitGroup
	var bs []*backend.Backend
	for _, p := range ps {
		b := backend.New(p, backend.Env{Loops: 1, Notify: note})
		owners.Go(func() { b.Run(ctx) }) // ends with the test
		bs = append(bs, b)
	}
	backend.Link(bs)
	c := New(ctx, env)
	c.Apply(bs)
	t.Cleanup(func() { cancel(); c.Wait(); owners.Wait() })
	return bs
}
