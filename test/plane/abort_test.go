package plane

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// deaf is an address whose connections are never established: its queue is full.
func deaf(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "deaf")
	t.Cleanup(func() { f.Close() })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	ln, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return ln.Addr().String()
}

// TestClientsThatLeave compares what becomes of a request whose client ends its
// side, or resets, while it is queued, connecting or waiting, with and without
// option abortonclose.
func TestClientsThatLeave(t *testing.T) {
	t.Parallel()
	// leave ends a client's connection; it returns if the client may still read.
	// A reset is the end of a client for sure: bascule does not wait for its
	// server, whatever the option says, where haproxy does not notice.
	gone := map[string]string{
		"waiting":    "fe be/s1 t/t/t/-1/t -1 - - CD-- 0 ",
		"queued":     "fe be/<NOSRV> t/t/-1/-1/t -1 - - CQ-- 0 ",
		"connecting": "fe be/s1 t/t/-1/-1/t -1 - - CC-- 0 ",
	}
	leaves := map[string]func(c *peer){
		"ends its side": func(c *peer) { c.closeWrite(); c.reply("GET"); c.rest() },
		"resets":        func(c *peer) { c.reset() },
	}
	bodies := map[string]string{
		"":             "GET /left HTTP/1.1\r\nHost: a\r\n\r\n",
		" with a body": "POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
	}
	for how, leave := range leaves {
		for what, request := range bodies {
			for _, option := range []string{"option abortonclose", "no option abortonclose"} {
				name := func(where string) string { return where + ", " + how + what + ", " + option }
				own := func(where, more string) outcome {
					if how != "resets" || option == "option abortonclose" {
						return outcome{}
					}
					line, _, _ := strings.Cut(request, "\r\n")
					return outcome{log: gone[where] + `"` + line + `"` + more}
				}
				t.Run(name("waiting"), func(t *testing.T) {
					t.Parallel()
					compare(t, &exchange{
						defaults: option + "\ntimeout server 5s",
						server:   silent,
						client: func(w *world, dial func() *peer) {
							c := dial()
							c.send(request)
							w.heads(1)
							leave(c)
						},
						logs: 1, same: unclosed, own: own("waiting", ""),
					})
				})
				t.Run(name("queued"), func(t *testing.T) {
					t.Parallel()
					compare(t, &exchange{
						defaults: option + "\ntimeout queue 4s\ntimeout server 12s",
						options:  "maxconn 1",
						server:   silent,
						client: func(w *world, dial func() *peer) {
							a := dial()
							a.send(get("1.1"))
							w.heads(1)
							c := dial()
							c.send(request)
							w.queued(1)
							leave(c)
						},
						logs: 2, same: unclosed, own: own("queued", "\nfe be/s1 t/t/t/-1/t 504 - - sH-- 0 \"GET / HTTP/1.1\""),
					})
				})
				t.Run(name("connecting"), func(t *testing.T) {
					t.Parallel()
					compare(t, &exchange{
						defaults: option + "\ntimeout connect 10s\nretries 0", // long enough to be seen connecting on a busy machine
						addr:     deaf(t),
						client: func(w *world, dial func() *peer) {
							c := dial()
							c.send(request)
							w.sessions(1)
							leave(c)
						},
						logs: 1, same: unclosed, own: own("connecting", ""),
					})
				})
			}
		}
	}
}

// unclosed hides that bascule closes a connection whose request's body it has
// not passed on; haproxy has it in its buffer.
func unclosed(s string) string {
	return strings.ReplaceAll(ownTexts(s), "connection: close\n", "")
}
