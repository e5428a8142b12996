package engine

import (
	"net"
	"strings"
	"testing"
)

// says runs a command and compares its answer.
func (b *balancer) says(command, want string) {
	b.t.Helper()
	if got := strings.TrimRight(ask(b.t, b.socket, command+"\n"), "\n"); got != want {
		b.t.Errorf("%s answers %q, want %q", command, got, want)
	}
}

func TestAServerAddedAtRunTimeServesUntilAReload(t *testing.T) {
	addr, one, two, three := freeAddr(t), serveEcho(t, "one"), serveEcho(t, "two"), serveEcho(t, "three")
	text := oneServer(addr, "server s "+one)
	b := run(t, text)
	seen := b.events.Last()
	b.says("add server be/n "+two+" maxconn 100", "New server registered.")
	if one, two := body(t, addr), body(t, addr); one != "one" || two != "one" {
		t.Error("a server in maintenance serves")
	}
	b.says("enable server be/n", "")
	if one, two := body(t, addr), body(t, addr); one == two {
		t.Errorf("the added server does not serve: %s twice", one)
	}
	b.says("set server be/n addr 127.0.0.1 port "+strings.TrimPrefix(three, "127.0.0.1:"),
		"no need to change the addr, port changed from '"+strings.TrimPrefix(two, "127.0.0.1:")+"' to '"+strings.TrimPrefix(three, "127.0.0.1:")+"' by 'stats socket command'")
	b.says("disable server be/s", "")
	if got := body(t, addr); got != "three" {
		t.Errorf("%s answers at the new address", got)
	}
	b.says("enable server be/s", "")
	b.reload(text)
	if one, two := body(t, addr), body(t, addr); one != "one" || two != "one" {
		t.Error("the reload left the added server")
	}
	var kinds []string
	for _, e := range b.events.Since(seen) {
		kinds = append(kinds, string(e.Kind))
	}
	if got, want := strings.Join(kinds, " "), "server-added server-ready server-moved server-maint server-ready server-removed reload-done"; got != want {
		t.Errorf("events %s, want %s", got, want)
	}
}

func TestAnAddressSetAtRunTimeStaysUntilItsLineChanges(t *testing.T) {
	addr, one, two, three := freeAddr(t), serveEcho(t, "one"), serveEcho(t, "two"), serveEcho(t, "three")
	b := run(t, oneServer(addr, "server s "+one))
	if _, port, err := net.SplitHostPort(two); err == nil {
		ask(t, b.socket, "set server be/s addr 127.0.0.1 port "+port+"\n")
	}
	for _, c := range []struct{ what, line, want string }{
		{"the same line", "server s " + one, "two"}, {"another weight", "server s " + one + " weight 7", "two"}, {"another address", "server s " + three, "three"},
	} {
		b.reload(oneServer(addr, c.line))
		if got := body(t, addr); got != c.want {
			t.Errorf("%s: %s answers, want %s", c.what, got, c.want)
		}
	}
}

func TestADeletedServerIsNotNamedByUseServer(t *testing.T) {
	addr, one, two := freeAddr(t), serveEcho(t, "one"), serveEcho(t, "two")
	b := run(t, oneServer(addr, "server gone "+one, "server s "+one, "server u "+two, "use-server u if { path / }"))
	if got := body(t, addr); got != "two" {
		t.Fatalf("%s answers", got)
	}
	b.says("disable server be/gone;del server be/gone", "\n\nServer deleted."[1:])
	if got := body(t, addr); got != "two" {
		t.Errorf("use-server means %s once another is deleted", got)
	}
	b.says("disable server be/u;del server be/u", "\nThis server cannot be removed at runtime due to other configuration elements pointing to it.")
}

func TestAFrontendIsClosedAndOpened(t *testing.T) {
	addr, one := freeAddr(t), serveEcho(t, "one")
	text := oneServer(addr, "server s "+one)
	b := run(t, text)
	chat, err := dialChat(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer chat.conn.Close()
	b.says("disable frontend fe", "")
	if !refuses(addr) || b.stat("fe/FRONTEND", "status") != "PAUSED" {
		t.Error("a disabled frontend takes clients")
	}
	if err := chat.say(); err != nil {
		t.Errorf("who was there: %v", err)
	}
	b.Pause()
	b.Resume()
	b.reload(text)
	if !refuses(addr) {
		t.Error("a reload opens a disabled frontend")
	}
	b.says("enable frontend fe", "")
	if body(t, addr) != "one" {
		t.Error("an enabled frontend does not serve")
	}
	b.says("shutdown frontend fe", "")
	if !refuses(addr) || b.stat("fe/FRONTEND", "status") != "STOP" {
		t.Error("a frontend that was shut takes clients")
	}
	b.reload(text)
	if body(t, addr) != "one" {
		t.Error("a reload does not open a frontend that was shut")
	}
}

func TestLimitsSetAtRunTimeStayUntilTheirLineChanges(t *testing.T) {
	addr, one := freeAddr(t), serveEcho(t, "one")
	text := oneServer(addr, "server s "+one)
	b := run(t, text)
	b.says("set maxconn frontend fe 5;set maxconn global 6;set rate-limit sessions global 7;set rate-limit connections global 8;set rate-limit ssl-sessions global 9", "")
	limits := func() string {
		return strings.Join([]string{b.stat("fe/FRONTEND", "slim"), b.info("Maxconn"), b.info("SessRateLimit"), b.info("ConnRateLimit"), b.info("SslRateLimit")}, " ")
	}
	b.reload(text)
	if got := limits(); got != "5 6 7 8 9" {
		t.Errorf("after a reload: %s", got)
	}
	b.reload(strings.Replace(text, "global\n", "global\n    maxconn 30\n    maxsessrate 9\n    maxconnrate 10\n    maxsslrate 11\n", 1))
	if got := limits(); got != "5 30 9 10 11" {
		t.Errorf("after another file: %s", got)
	}
	if _, err := b.Swap(parse(t, b.dir, text), nil, true); err != nil || strings.HasPrefix(limits(), "5 ") {
		t.Errorf("forgotten: %s, %v", limits(), err)
	}
}
