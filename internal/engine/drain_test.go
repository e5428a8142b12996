package engine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const drainConfig = reloadHead + `
listen fe
    bind %s
    option redispatch
    cookie SRV insert indirect nocache
    server a %s cookie a
    server b %s cookie b
`

// A regular is a user whose requests follow each other on one connection, with
// the cookie that the last reply gave: a pause never comes.
type regular struct {
	addr, cookie string
	served       map[string]int // by server
	moves        int            // how often the cookie changed
	err          error
	met          map[string]*atomic.Int32 // by server: whom of all it has served
}

func (u *regular) run(stop *atomic.Bool) {
	conn, err := net.Dial("tcp", u.addr)
	if err != nil {
		u.err = err
		return
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for !stop.Load() {
		req, err := http.NewRequest("GET", "http://"+u.addr+"/", nil)
		if err != nil {
			u.err = err
			return
		}
		if u.cookie != "" {
			req.AddCookie(&http.Cookie{Name: "SRV", Value: u.cookie})
		}
		if u.err = conn.SetDeadline(time.Now().Add(patience)); u.err == nil {
			u.err = req.Write(conn)
		}
		if u.err != nil {
			return
		}
		resp, err := http.ReadResponse(r, req)
		if err != nil {
			u.err = err
			return
		}
		name := make([]byte, 1)
		_, err = resp.Body.Read(name)
		resp.Body.Close()
		if err != nil && string(name) == "\x00" || resp.StatusCode != 200 {
			u.err = fmt.Errorf("status %d, %w", resp.StatusCode, err)
			return
		}
		if u.served[string(name)]++; u.served[string(name)] == 1 {
			u.met[string(name)].Add(1)
		}
		for _, c := range resp.Cookies() {
			if c.Name == "SRV" {
				u.moves++
				u.cookie = c.Value
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// TestADrainEndsOnTimeUnderStickyLoad drains a server with a thousand WebSockets
// and users who never pause: it ends by its deadline, every request is answered,
// every WebSocket is told, and comes back to the other server.
func TestADrainEndsOnTimeUnderStickyLoad(t *testing.T) {
	const (
		webSockets = 1000
		users      = 20
		deadline   = 5 * time.Second
	)
	one, two, addr := newHall(t), newHall(t), freeAddr(t)
	one.name, two.name = "a", "b"
	b := run(t, fmt.Sprintf(drainConfig, addr, one.addr(), two.addr()))
	sticky := http.Header{"Cookie": {"SRV=a"}}

	var stop atomic.Bool
	var load sync.WaitGroup
	regulars, met := make([]regular, users), map[string]*atomic.Int32{"a": {}, "b": {}}
	for i := range regulars {
		regulars[i] = regular{addr: addr, cookie: "a", served: map[string]int{}, met: met}
		load.Go(func() { regulars[i].run(&stop) })
	}
	sockets := make([]*websocket.Conn, webSockets)
	for i := range sockets {
		sockets[i] = join(t, addr, "/", sticky)
	}
	becomes(t, "users served by a", users, met["a"].Load)
	eventually(t, "all WebSockets are on a", func() bool { return b.number("a", "scur") >= webSockets })

	began := time.Now()
	if got := ask(t, b.socket, "set server fe/a state drain deadline 5s at-idle 60s\n"); got != "\n" {
		t.Fatalf("the order is answered %q", got)
	}
	type end struct {
		code  websocket.StatusCode
		after time.Duration
		to    string
		err   error
	}
	ends := make(chan end, webSockets)
	for _, c := range sockets {
		go func() { // ends with its WebSocket, which the drain ends
			ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
			defer cancel()
			_, _, err := c.Read(ctx)
			e := end{code: websocket.CloseStatus(err), after: time.Since(began)}
			again, resp, err := websocket.Dial(ctx, "ws://"+addr+"/", &websocket.DialOptions{HTTPHeader: sticky})
			if e.err = err; err == nil {
				e.to = strings.TrimPrefix(strings.Split(resp.Header.Get("Set-Cookie"), ";")[0], "SRV=")
				e.err = again.CloseNow()
			}
			ends <- e
		}()
	}
	var first, last time.Duration = time.Hour, 0
	for range sockets {
		e := <-ends
		if e.code != websocket.StatusServiceRestart || e.err != nil || e.to != "b" {
			t.Fatalf("a WebSocket ended with %d and came back to %q: %v", e.code, e.to, e.err)
		}
		first, last = min(first, e.after), max(last, e.after)
	}
	eventually(t, "the drain is over", func() bool { return b.left("a")["srv_stage"] == "over" })
	took := time.Since(began)
	if took > deadline+endingTime {
		t.Errorf("the drain took %v, want %v", took, deadline)
	}
	if row := b.left("a"); row["srv_closed"] != fmt.Sprint(webSockets) || row["srv_cut"] != "0" || row["srv_sessions"] != "0" {
		t.Errorf("told: %v", row)
	}
	if status, sessions := b.column("a", "status"), b.column("a", "scur"); status != "DRAIN" || sessions != "0" {
		t.Errorf("the server stands in %s with %s sessions", status, sessions)
	}
	if last < deadline/2 { // they go one by one, and a machine that stands still only makes it later
		t.Errorf("the last WebSocket was closed %v after the order", last)
	}
	becomes(t, "users served by b", users, met["b"].Load)
	stop.Store(true)
	load.Wait()
	requests := 0
	for _, u := range regulars {
		if u.err != nil || u.moves != 1 || u.cookie != "b" || u.served["a"] == 0 || u.served["b"] == 0 {
			t.Errorf("a user: %d cookies, now %s, served %v, %v", u.moves, u.cookie, u.served, u.err)
		}
		requests += u.served["a"] + u.served["b"]
	}
	t.Logf("over after %v; %d requests of %d users, none lost; %d WebSockets told from %v to %v", took, requests, users, webSockets, first, last)
}

// endingTime is what a busy machine may take to notice, with a thousand goodbyes on its
// hands; to the second the drain is held in backend's tests, on virtual time.
const endingTime = patience

func (b *balancer) number(server, column string) int {
	n, _ := strconv.Atoi(b.column(server, column)) // no number is none
	return n
}

// left is the row of a server in "show servers drain", nil if it has none.
func (b *balancer) left(server string) map[string]string {
	lines := strings.Split(strings.TrimSpace(ask(b.t, b.socket, "show servers drain fe\n")), "\n")
	names := strings.Fields(strings.TrimPrefix(lines[0], "# "))
	for _, line := range lines[1:] {
		if cells := strings.Fields(line); len(cells) == len(names) && cells[1] == server {
			row := map[string]string{}
			for i, name := range names {
				row[name] = cells[i]
			}
			return row
		}
	}
	return nil
}

func TestDrainOrdersOnTheSocket(t *testing.T) {
	one, two, addr := newHall(t), newHall(t), freeAddr(t)
	b := run(t, fmt.Sprintf(drainConfig, addr, one.addr(), two.addr()))
	const usage = "'set server <srv> state drain' takes 'deadline <time> [at-idle <time>]'.\n\n"
	for _, c := range []struct{ say, want string }{
		{"drain now", usage},
		{"drain at-idle 10s", usage},
		{"drain deadline", "'deadline' expects a time.\n\n"},
		{"drain deadline 5m at-idle", "'at-idle' expects a time.\n\n"},
		{"drain deadline 300", "'deadline' expects a time with a unit (us, ms, s, m, h, d), not '300'.\n\n"},
		{"drain deadline 5x", "'deadline' cannot read the time '5x': unexpected character 'x'.\n\n"},
		{"drain deadline 500ms", "'deadline' must be at least 1s.\n\n"},
		{"drain deadline 5m at-idle 0s", "'at-idle' must be at least 1s.\n\n"},
	} {
		if got := ask(t, b.socket, "set server fe/a state "+c.say+"\n"); got != c.want {
			t.Errorf("%s: %q, want %q", c.say, got, c.want)
		}
	}
	if b.left("a") != nil {
		t.Error("a wrong order drains")
	}
	ask(t, b.socket, "set server fe/a state drain\n")
	if row := b.left("a"); row["srv_stage"] != "lasting" || row["srv_left"] != "-" || row["srv_status"] != "DRAIN" {
		t.Errorf("a drain without a deadline: %v", row)
	}
	ordered := time.Now()
	ask(t, b.socket, "set server fe/a state drain deadline 5m\n")
	b.reload(fmt.Sprintf(drainConfig, addr, one.addr(), two.addr()) + "    # another\n")
	row := b.left("a")
	left, _ := strconv.ParseFloat(row["srv_left"], 64) // seconds; no number is none
	if least := (5*time.Minute - time.Since(ordered)).Seconds(); left > 300 || left < least-1 || row["srv_stage"] != "moving" || row["srv_at_idle"] != "10" {
		t.Errorf("a drain with a deadline, behind a reload: %v, want at least %v s left", row, least)
	}
	ask(t, b.socket, "set server fe/a state ready\n")
	if row = b.left("a"); row != nil {
		t.Errorf("ready, and still %v", row)
	}
	if got := ask(t, b.socket, "show servers drain nowhere\n"); got != "Can't find backend.\n\n" {
		t.Errorf("got %q", got)
	}
}

// TestWhatIsLeftAtTheDeadline drains a server from which some things do not go
// by themselves.
func TestWhatIsLeftAtTheDeadline(t *testing.T) {
	one, two, addr := newHall(t), newHall(t), freeAddr(t)
	one.name, two.name = "a", "b"
	b := run(t, fmt.Sprintf(drainConfig, addr, one.addr(), two.addr()))
	type answer struct {
		status int
		body   string
		err    error
	}
	slow := func(method string) chan answer {
		done := make(chan answer, 1)
		go func() { // ends at the deadline of the drain
			req, err := http.NewRequest(method, "http://"+addr+"/slow", nil)
			if err != nil {
				done <- answer{err: err}
				return
			}
			req.Header.Set("Cookie", "SRV=a")
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				done <- answer{err: err}
				return
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			done <- answer{resp.StatusCode, string(text), err}
		}()
		return done
	}
	get, post := slow("GET"), slow("POST")
	half := rawUpgrade(t, addr, "/half", "Cookie: SRV=a")
	if _, err := io.ReadFull(half, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are on a", func() bool { return b.number("a", "scur") == 3 })
	began := time.Now()
	ask(t, b.socket, "set server fe/a state drain deadline 2s at-idle 1s\n")
	rest, err := io.ReadAll(half)
	if cut := time.Since(began); err != nil || len(rest) != 0 || cut < 1500*time.Millisecond {
		t.Errorf("a WebSocket in the middle of a frame read % x, %v after %v", rest, err, cut)
	}
	if got := <-get; got.status != 200 || got.body != "b" || got.err != nil {
		t.Errorf("a GET that was under way is answered %+v, want by b", got)
	}
	if got := <-post; got.status != 503 || got.err != nil {
		t.Errorf("a POST that was under way is answered %+v, want 503", got)
	}
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("requests were cut after %v, before the deadline", took)
	}
	eventually(t, "it is over", func() bool { return b.left("a")["srv_stage"] == "over" })
	if row := b.left("a"); row["srv_sessions"] != "0" || row["srv_cut"] != "2" || row["srv_closed"] != "0" || row["srv_websockets"] != "0" {
		t.Errorf("left: %v", row)
	}
}
