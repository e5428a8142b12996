package engine

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// oneServer is a frontend at addr before a backend with these lines.
func oneServer(addr string, lines ...string) string {
	return reloadHead + "frontend fe\n    bind " + addr + "\n    default_backend be\nbackend be\n    " + strings.Join(lines, "\n    ") + "\n"
}

// info is a value of show info.
func (b *balancer) info(name string) string {
	b.t.Helper()
	for line := range strings.Lines(ask(b.t, b.socket, "show info\n")) {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// stat is a column of a row of "show stat".
func (b *balancer) stat(row, column string) string {
	b.t.Helper()
	return rows(ask(b.t, b.socket, "show stat\n"))[row][column]
}

func TestAChangedServerKeepsItsSessions(t *testing.T) {
	addr, one, two := freeAddr(t), serveEcho(t, "one"), serveEcho(t, "two")
	for _, c := range []struct{ name, next, answers string }{
		{"nothing", "server s " + one, "one"},
		{"its address", "server s " + two, "two"},
		{"its weight", "server s " + one + " weight 9", "one"},
		{"its maxconn", "server s " + one + " maxconn 5", "one"},
		{"its cookie", "cookie C insert\n    server s " + one + " cookie x", "one"},
		{"its checks", "server s " + one + " check inter 1m fall 1", "one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := run(t, oneServer(addr, "server s "+one))
			chat, err := dialChat(addr)
			if err != nil {
				t.Fatal(err)
			}
			defer chat.conn.Close()
			if body(t, addr) != "one" {
				t.Fatal("the server does not answer")
			}
			b.reload(oneServer(addr, c.next))
			if got := body(t, addr); got != c.answers {
				t.Errorf("the next request got %q, want %q", got, c.answers)
			}
			if err := chat.say(); err != nil {
				t.Errorf("the tunnel: %v", err)
			}
			eventually(t, "the tunnel alone is left", func() bool { return b.stat("be/s", "scur") == "1" })
			if total := b.stat("be/s", "stot"); total != "3" {
				t.Errorf("%s sessions in total, want 3", total)
			}
		})
	}
}

func TestIdleServerConnectionsSurviveAReload(t *testing.T) {
	addr, one := freeAddr(t), serveEcho(t, "one")
	text := strings.Replace(oneServer(addr, "http-reuse always", "server s "+one), "nbthread 2", "nbthread 1", 1)
	b := run(t, text)
	for range 3 {
		if body(t, addr) != "one" {
			t.Fatal("the server does not answer")
		}
		b.reload(text)
	}
	if connects, reuses := b.stat("be/s", "connect"), b.stat("be/s", "reuse"); connects != "1" || reuses != "2" {
		t.Errorf("%s connections opened and %s used again, want 1 and 2", connects, reuses)
	}
}

func TestARequestInTheQueueOutlivesAReload(t *testing.T) {
	addr, one := freeAddr(t), serveEcho(t, "one")
	b := run(t, oneServer(addr, "server s "+one+" maxconn 1"))
	chat, err := dialChat(addr) // has the slot
	if err != nil {
		t.Fatal(err)
	}
	defer chat.conn.Close()
	answer := make(chan string, 1)
	go func() { answer <- body(t, addr) }() // waited for below
	eventually(t, "the request waits", func() bool { return b.stat("be/BACKEND", "qcur") == "1" })
	b.reload(oneServer(addr, "server s "+one+" maxconn 1 weight 7"))
	if got := b.stat("be/BACKEND", "qcur"); got != "1" {
		t.Errorf("%s requests wait after a reload, want 1", got)
	}
	b.reload(oneServer(addr, "server s "+one+" maxconn 2"))
	if got := <-answer; got != "one" {
		t.Errorf("got %q", got)
	}
}

func TestWhatIsLeftOnARemovedServerEndsAtTheDeadline(t *testing.T) {
	for _, c := range []struct{ name, next, deadline string }{
		{"the server alone", "drain-removed $DEADLINE\n    server t $TWO", "1s"},
		{"its backend too", "\nbackend other\n    server t $TWO", "1s"},
		{"the server alone, long before it", "drain-removed $DEADLINE\n    server t $TWO", "1h"},
		{"its backend too, long before it", "\nbackend other\n    server t $TWO", "1h"},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, one, two := freeAddr(t), serveEcho(t, "one"), serveEcho(t, "two")
			next := oneServer(addr, strings.NewReplacer("$TWO", two, "$DEADLINE", c.deadline).Replace(c.next))
			if strings.Contains(c.next, "other") {
				next = strings.Replace(strings.Replace(next, "default_backend be", "default_backend other", 1), "backend be\n", "", 1)
			}
			b := run(t, oneServer(addr, "drain-removed "+c.deadline, "server s "+one))
			chat, err := dialChat(addr)
			if err != nil {
				t.Fatal(err)
			}
			defer chat.conn.Close()
			began := time.Now()
			b.reload(next)
			if got := body(t, addr); got != "two" {
				t.Errorf("the next request got %q, want two", got)
			}
			if c.deadline == "1s" {
				ended(t, chat.conn)
				if took := time.Since(began); took < 900*time.Millisecond {
					t.Errorf("it was cut after %v, before the deadline", took)
				}
				eventually(t, "nobody is left", func() bool { return strings.Contains(ask(t, b.socket, "show reload\n"), "Removed_servers: 0\n") })
				return
			}
			if err := chat.say(); err != nil {
				t.Errorf("the tunnel was not given its time: %v", err)
			}
			if got := ask(t, b.socket, "show servers drain\n"); !strings.Contains(got, "be s REMOVED ") {
				t.Errorf("the removed server is not listed:\n%s", got)
			}
			if got := ask(t, b.socket, "show reload\n"); !strings.Contains(got, "Removed_servers: 1\nRemoved_sessions: 1\n") {
				t.Errorf("the removed server is not counted:\n%s", got)
			}
		})
	}
}

// ended waits until the other side has ended a connection.
func ended(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Fatal("it goes on")
	}
}
