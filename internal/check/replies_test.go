package check

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// answer reads the request, writes reply and closes.
func answer(reply string) func(net.Conn) {
	return func(c net.Conn) {
		c.Read(make([]byte, 4096))
		io.WriteString(c, reply)
	}
}

// hold is answer, but the connection stays open until the check closes it.
func hold(reply string) func(net.Conn) {
	return func(c net.Conn) {
		buf := make([]byte, 4096)
		c.Read(buf)
		io.WriteString(c, reply)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	}
}

func slam(c net.Conn) {
	c.Read(make([]byte, 4096))
	c.(*net.TCPConn).SetLinger(0)
}

// refusing is a port that nobody listens on: bound, so that nobody else gets it.
func refusing(t *testing.T) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return sa.(*syscall.SockaddrInet4).Port
}

func status(not bool, ranges ...[2]int) config.Expect {
	return config.Expect{Kind: "status", Not: not, Ranges: ranges}
}

func wants(not bool, s string) config.Expect {
	return config.Expect{Kind: "string", Not: not, Text: s}
}

func pattern(kind, s string) config.Expect {
	return config.Expect{Kind: kind, Match: regexp.MustCompile(s).Match}
}

// A reply is a server's behaviour and what is expected of it, in HAProxy's
// words and in ours.
type reply struct {
	name   string
	serve  func(net.Conn) // nil: nobody listens
	lines  string         // of the backend; "tcp": no option httpchk
	expect config.Expect
}

var replies = []reply{
	{name: "refused"},
	{name: "refused_tcp", lines: "tcp"},
	{name: "tcp", serve: answer(""), lines: "tcp"},
	{name: "silent", serve: hold("")},
	{name: "ok", serve: answer(hello)},
	{name: "ok_kept_open", serve: hold(hello)},
	{name: "body_missing", serve: hold(hello[:len(hello)-2])},
	{name: "closed", serve: answer("")},
	{name: "reset", serve: slam},
	{name: "garbage", serve: answer("hello world\r\n\r\n")},
	{name: "ssh", serve: answer("SSH-2.0-x\r\n")},
	{name: "half_head", serve: answer("HTTP/1.1 200 OK\r\nFoo: ba")},
	{name: "half_head_kept_open", serve: hold("HTTP/1.1 200 OK\r\nFoo: ba")},
	{name: "no_reason", serve: answer("HTTP/1.1 503\r\n\r\n")},
	{name: "long_reason", serve: answer("HTTP/1.1 503 " + strings.Repeat("x", 300) + "\r\n\r\n")},
	{name: "found_http10", serve: answer("HTTP/1.0 302 Found\r\n\r\n")},
	{name: "continue", serve: answer("HTTP/1.1 100 Continue\r\n\r\n" + hello)},
	{name: "not_found", serve: answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")},
	{name: "two_lengths", serve: answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")},
	{name: "status_in_range", serve: answer(hello), lines: "http-check expect status 200-299,404", expect: status(false, [2]int{200, 299}, [2]int{404, 404})},
	{name: "status_other", serve: answer(hello), lines: "http-check expect status 201", expect: status(false, [2]int{201, 201})},
	{name: "status_unwanted", serve: answer(hello), lines: "http-check expect ! status 200", expect: status(true, [2]int{200, 200})},
	{name: "string", serve: answer(hello), lines: "http-check expect string ell", expect: wants(false, "ell")},
	{name: "string_of_500", serve: answer(strings.Replace(hello, "200", "500", 1)), lines: "http-check expect string ell", expect: wants(false, "ell")},
	{name: "string_missing", serve: answer(hello), lines: "http-check expect string zzz", expect: wants(false, "zzz")},
	{name: "string_missing_kept_open", serve: hold(hello), lines: "http-check expect string zzz", expect: wants(false, "zzz")},
	{name: "string_of_endless_body", serve: hold("HTTP/1.1 200 OK\r\n\r\nhel"), lines: "http-check expect string zzz", expect: wants(false, "zzz")},
	{name: "string_chunked", serve: hold("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), lines: "http-check expect string hello", expect: wants(false, "hello")},
	{name: "string_unwanted", serve: answer(hello), lines: "http-check expect ! string ell", expect: wants(true, "ell")},
	{name: "string_without_body", serve: answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), lines: "http-check expect string ell", expect: wants(false, "ell")},
	{name: "rstring", serve: answer(hello), lines: "http-check expect rstring ^h.*o$", expect: pattern("rstring", "^h.*o$")},
	{name: "rstring_missing", serve: answer(hello), lines: "http-check expect rstring ^z", expect: pattern("rstring", "^z")},
	{name: "rstatus", serve: answer(hello), lines: "http-check expect rstatus ^2", expect: pattern("rstatus", "^2")},
	{name: "rstatus_other", serve: answer(hello), lines: "http-check expect rstatus ^3", expect: pattern("rstatus", "^3")},
}

// view is what show stat says of a check.
func view(st *backend.State) string {
	code := ""
	if st.Check.Code != 0 {
		code = fmt.Sprint(st.Check.Code)
	}
	return fmt.Sprintf("%s %s %s %q", st.Status(), st.Check.Status, code, st.Check.Info)
}

// TestRepliesMeanWhatTheyMeanToHAProxy lets both check the same servers, again
// and again: on a busy machine a single check may be late on either side.
func TestRepliesMeanWhatTheyMeanToHAProxy(t *testing.T) {
	const inter = 1500 * time.Millisecond // and the time that a check has
	var text strings.Builder
	var proxies []*config.Proxy
	for _, r := range replies {
		port := 0
		if r.serve == nil {
			port = refusing(t)
		} else {
			port = listen(t, r.serve)
		}
		lines := "option httpchk\n " + r.lines
		if r.lines == "tcp" {
			lines = ""
		}
		fmt.Fprintf(&text, "backend %s\n %s\n server s 127.0.0.1:%d check inter %d fall 1\n", r.name, lines, port, inter.Milliseconds())
		proxies = append(proxies, &config.Proxy{Name: r.name, Backend: true, Mode: config.ModeHTTP,
			Check: config.Check{HTTP: r.lines != "tcp", Expect: r.expect},
			Servers: []*config.Server{{Name: "s", ID: 1, Weight: 1, Check: true, Rise: 2, Fall: 1, Inter: inter,
				Addr: config.Address{IP: netip.MustParseAddr("127.0.0.1"), Port: port}}}})
	}
	o := startOracle(t, text.String())
	backends := live(t, proxies...)
	want, differ := map[string]string{}, map[string]string{}
	for until := time.Now().Add(2 * patience); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		o.views(want)
		clear(differ)
		for i, r := range replies {
			if got := view(backends[i].Server("s").State()); got != want[r.name] || strings.Contains(got, " INI ") {
				differ[r.name] = fmt.Sprintf("got %s, HAProxy says %s", got, want[r.name])
			}
		}
		if len(differ) == 0 {
			return
		}
	}
	for name, what := range differ {
		t.Errorf("%s: %s", name, what)
	}
}

// views takes down what HAProxy says of each check. A check under way hides the
// code of the last one: of such a server the view before stays.
func (o *oracle) views(into map[string]string) {
	o.t.Helper()
	rows, err := o.servers()
	if err != nil {
		o.t.Fatal(err)
	}
	for name, r := range rows {
		if !strings.HasPrefix(r["check_status"], "*") {
			into[name] = fmt.Sprintf("%s %s %s %q", r["status"], r["check_status"], r["check_code"], r["last_chk"])
		}
	}
}
