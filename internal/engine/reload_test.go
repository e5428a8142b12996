package engine

import (
	"bufio"
	"errors"
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
)

const reloadHead = `
global
    nbthread 2
    stats socket $DIR/sock level admin
    maxconn 4000
defaults
    mode http
    timeout connect 30s
    timeout client 30s
    timeout server 30s
    timeout tunnel 1h
`

// A chat is a client of a tunnel that says numbered lines and expects each back.
type chat struct {
	conn net.Conn
	said int
}

func dialChat(addr string) (*chat, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n"); err != nil {
		return nil, err
	}
	head := make([]byte, 0, 256)
	for !strings.HasSuffix(string(head), "\r\n\r\n") {
		var one [1]byte
		if _, err := io.ReadFull(conn, one[:]); err != nil {
			return nil, err
		}
		head = append(head, one[0])
	}
	if !strings.HasPrefix(string(head), "HTTP/1.1 101 ") {
		return nil, errors.New(string(head))
	}
	return &chat{conn: conn}, nil
}

// say says the next line and hears it.
func (c *chat) say() error {
	c.said++
	line := fmt.Sprintf("line %d\n", c.said)
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(c.conn, line); err != nil {
		return err
	}
	back := make([]byte, len(line))
	if _, err := io.ReadFull(c.conn, back); err != nil {
		return err
	}
	if string(back) != line {
		return fmt.Errorf("said %q, heard %q", line, back)
	}
	return nil
}

// TestReloadsLoseNothing reloads twenty times while clients chat through
// tunnels and others make requests: nothing is lost, each change is in force,
// counters never go back.
func TestReloadsLoseNothing(t *testing.T) {
	const reloads, talkers = 20, 20
	chats := 1000
	if raceEnabled {
		chats = 200 // the race detector makes each several times as dear
	}
	addr := freeAddr(t)
	one, two, three := serveEcho(t, "one"), serveEcho(t, "two"), serveEcho(t, "three")
	text := func(n int) string {
		s := reloadHead + "frontend fe\n    bind " + addr + "\n    default_backend be\nbackend be\n" +
			"    server one " + one + " weight " + strconv.Itoa(1+n%7) + "\n"
		if n%2 == 0 {
			s += "    server two " + two + "\n"
		}
		if n%3 != 0 {
			s += "    server three " + three + "\n"
		}
		return s
	}
	b := run(t, text(0))
	list := make([]*chat, chats)
	for i := range list {
		c, err := dialChat(addr)
		if err != nil {
			t.Fatal(err)
		}
		list[i] = c
		defer c.conn.Close()
	}
	var stop atomic.Bool
	var clients sync.WaitGroup
	var rounds [talkers]atomic.Int64 // how often each has let all of its chats talk
	for i := range talkers {
		clients.Go(func() {
			for ; !stop.Load(); rounds[i].Add(1) {
				for k := i; k < len(list); k += talkers {
					if err := list[k].say(); err != nil {
						t.Errorf("chat %d after %d lines: %v", k, list[k].said, err)
						return
					}
				}
			}
		})
	}
	clients.Go(func() { request(t, addr, &stop) })
	last := int64(0)
	for n := 1; n <= reloads; n++ {
		b.reload(text(n))
		last = b.inForce(n, last)
		for i := range rounds {
			was := rounds[i].Load()
			eventually(t, "all chats talk after a reload", func() bool { return rounds[i].Load() > was || t.Failed() })
		}
	}
	stop.Store(true)
	clients.Wait()
	for k, c := range list {
		if err := c.say(); err != nil {
			t.Errorf("chat %d at the end: %v", k, err)
		}
	}
	if done, refused := b.Reloads(); done != reloads || refused != 0 {
		t.Errorf("%d reloads done and %d refused, want %d and 0", done, refused, reloads)
	}
}

// request makes requests on kept connections until told to stop.
func request(t *testing.T, addr string, stop *atomic.Bool) {
	client := &http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	for !stop.Load() {
		resp, err := client.Get("http://" + addr + "/")
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("status %d", resp.StatusCode)
		}
	}
}

// inForce checks that the n-th configuration shows in "show stat", and that
// the frontend's requests have not gone back below last.
func (b *balancer) inForce(n int, last int64) int64 {
	b.t.Helper()
	stat := rows(ask(b.t, b.socket, "show stat\n"))
	if got, want := stat["be/one"]["weight"], strconv.Itoa(1+n%7); got != want {
		b.t.Errorf("reload %d: weight of one is %s, want %s", n, got, want)
	}
	if has, want := stat["be/two"] != nil, n%2 == 0; has != want {
		b.t.Errorf("reload %d: server two is there: %t, want %t", n, has, want)
	}
	if has, want := stat["be/three"] != nil, n%3 != 0; has != want {
		b.t.Errorf("reload %d: server three is there: %t, want %t", n, has, want)
	}
	total, err := strconv.ParseInt(stat["fe/FRONTEND"]["req_tot"], 10, 64)
	if err != nil || total < last {
		b.t.Errorf("reload %d: req_tot is %q, it was %d", n, stat["fe/FRONTEND"]["req_tot"], last)
	}
	return total
}

// rows reads the CSV of "show stat": by proxy and server, then by column.
func rows(csv string) map[string]map[string]string {
	all := map[string]map[string]string{}
	var names []string
	scan := bufio.NewScanner(strings.NewReader(csv))
	for scan.Scan() {
		cells := strings.Split(strings.TrimPrefix(scan.Text(), "# "), ",")
		if names == nil {
			names = cells
			continue
		}
		if len(cells) < len(names) {
			continue
		}
		row := map[string]string{}
		for i, name := range names {
			row[name] = cells[i]
		}
		all[cells[0]+"/"+cells[1]] = row
	}
	return all
}

func TestAReloadThatFailsChangesNothing(t *testing.T) {
	addr, other := freeAddr(t), freeAddr(t)
	srv := serveEcho(t, "one")
	text := strings.Replace(reloadHead, "global\n", "global\n    log $DIR/log local0\n", 1) + "listen fe\n    bind " + addr + "\n    server one " + srv + "\n"
	dir := shortDir(t)
	heard := listen(t, dir+"/log")
	b := runIn(t, dir, text)
	bad := reloadHead + "listen fe\n    bind " + addr + "\n    bind " + other + "\n    bind 192.0.2.1:80\n    server two " + srv + "\n"
	_, err := b.Swap(parse(t, b.dir, bad), nil, false)
	if err == nil || !strings.Contains(err.Error(), "cannot bind socket (Cannot assign requested address) for [192.0.2.1:80]") {
		t.Fatalf("the error is %v", err)
	}
	if c, err := net.Dial("tcp", other); err == nil {
		c.Close()
		t.Error("the bind that could be opened was left open")
	}
	stat := rows(ask(t, b.socket, "show stat\n"))
	if stat["fe/one"] == nil || stat["fe/two"] != nil {
		t.Errorf("the servers have changed: %v", stat)
	}
	if done, refused := b.Reloads(); done != 0 || refused != 1 {
		t.Errorf("%d reloads done and %d refused, want 0 and 1", done, refused)
	}
	for _, want := range []string{"Reload refused, the configuration in force is unchanged.", "cannot bind socket"} {
		select {
		case line := <-heard:
			if !strings.Contains(line, want) {
				t.Errorf("the log says %q, want %q", line, want)
			}
		case <-time.After(patience):
			t.Fatalf("the log does not say %q", want)
		}
	}
}

// listen receives the datagrams of a log target.
func listen(t *testing.T, path string) <-chan string {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	heard := make(chan string, 64)
	go func() { // ends with the test
		defer close(heard)
		p := make([]byte, 4096)
		for {
			n, err := conn.Read(p)
			if err != nil {
				return
			}
			heard <- string(p[:n])
		}
	}()
	return heard
}

func TestABindMovesToAnotherFrontend(t *testing.T) {
	addr := freeAddr(t)
	one, two := serveEcho(t, "one"), serveEcho(t, "two")
	b := run(t, reloadHead+"listen a\n    bind "+addr+"\n    server s "+one+"\n")
	if got := body(t, addr); got != "one" {
		t.Fatalf("got %q, want one", got)
	}
	b.reload(reloadHead + "listen b\n    bind " + addr + "\n    server s " + two + "\n")
	if got := body(t, addr); got != "two" {
		t.Errorf("got %q, want two", got)
	}
	eventually(t, "the removed backend ends", func() bool {
		b.bury()
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.gone) == 0
	})
}

func TestClientsOfARemovedFrontendGetALastReply(t *testing.T) {
	addr, other := freeAddr(t), freeAddr(t)
	srv := serveEcho(t, "one")
	be := "backend be\n    server s " + srv + "\n"
	b := run(t, reloadHead+"frontend a\n    bind "+addr+"\n    default_backend be\n"+be)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for i, last := range []bool{false, true} {
		if last {
			b.reload(reloadHead + "frontend b\n    bind " + other + "\n    default_backend be\n" + be)
		}
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("request %d: %v", i+1, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if resp.Close != last {
			t.Errorf("request %d: the reply ends the connection: %t, want %t", i+1, resp.Close, last)
		}
	}
}

// body makes one request.
func body(t testing.TB, addr string) string {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
