package engine

import (
	"net/http"
	"strings"
	"testing"
)

// TestTLSToAServerIsSwitchedAsHAProxyDoes sends the same commands to both.
func TestTLSToAServerIsSwitchedAsHAProxyDoes(t *testing.T) {
	theirs, ours := twoSides(t, `
global
    stats socket $DIR/sock mode 600 level admin
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend fe
    bind unix@$DIR/fe
    default_backend be
backend be
    server plain 127.0.0.1:9
    server tls 127.0.0.1:9 ssl verify none
    server nossl 127.0.0.1:9 no-ssl
    server words 127.0.0.1:9 sni str(web.test) verify none ssl-min-ver TLSv1.2
    server checked 127.0.0.1:9 check-ssl verify none
backend be2
    default-server ssl verify none
    server a 127.0.0.1:9
    server b 127.0.0.1:9 no-ssl
`)
	const state = "show servers state be;show servers state be2"
	for _, line := range []string{
		state, "set server be/plain ssl on", "set server be/plain ssl off", "set server be/plain ssl", "set server be/plain ssl x", "set server be/nossl ssl on", "set server be/words ssl on",
		"set server be/checked ssl on", state, "set server be/checked ssl off", "set server be/tls ssl", "set server be/tls ssl x", "set server be/tls ssl off", state, "set server be/tls ssl off",
		"set server be/tls ssl on x", state, "set server be2/a ssl off", "set server be2/b ssl on", state, "set server be2/b ssl off", state, "set server be/none ssl on", "set server none/a ssl on",
		"set severity-output number;set server be/tls ssl on", "set severity-output number;set server be/plain ssl on",
	} {
		want, got := stable(ask(t, theirs.dir+"/sock", line+"\n")), stable(ask(t, ours.dir+"/sock", line+"\n"))
		if strings.TrimRight(got, "\n") != strings.TrimRight(want, "\n") {
			t.Errorf("%s\n got %q\nwant %q", line, got, want)
		}
	}
}

// TestTLSToAServerIsSwitched: what was kept open is not used any more, and a reload
// that changes the line goes by the line.
func TestTLSToAServerIsSwitched(t *testing.T) {
	const lines = "  http-reuse always\n  server s $SERVER ssl verify required ca-file $DIR/ca.pem sni str(web.test)\n"
	b := newTLSBackend(t, lines, nil)
	served := func() bool { return b.get("web.test").StatusCode == http.StatusOK }
	set := func(to string) {
		t.Helper()
		if got := ask(t, b.socket, "set server b/s ssl "+to+"\n"); !strings.Contains(got, "server ssl setting updated.") {
			t.Fatal(got)
		}
	}
	reload := func(lines string) {
		t.Helper()
		if _, err := b.Swap(parse(t, b.dir, b.text(lines)), nil, false); err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	if !served() {
		t.Fatal("the server does not answer over TLS")
	}
	set("off")
	if served() {
		t.Error("a server that speaks TLS alone answers in the clear: a connection that was kept is used")
	}
	set("on")
	if !served() {
		t.Error("the server does not answer over TLS any more")
	}
	set("off")
	if said := b.Difference(parse(t, b.dir, b.text(b.lines)), true); !strings.Contains(said, "ssl off") {
		t.Errorf("a reload that forgets would say %q", said)
	}
	if reload(b.lines); served() {
		t.Error("a reload of the same line forgets what was set")
	}
	reload(strings.ReplaceAll(b.lines, " ssl ", " "))
	if reload(b.lines); !served() {
		t.Error("what was set outlives a change of the line")
	}
}
