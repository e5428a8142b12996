package check

import (
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"bascule/internal/backend"
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

// list is a reply with a list in a header.
const list = "HTTP/1.1 200 OK\r\nX-List: a, b\r\nContent-Length: 0\r\n\r\n"

// greet writes without being asked, and closes when the check has.
func greet(text string) func(net.Conn) { return dialog(text) }

// dialog writes a greeting, then an answer to each thing it is sent.
func dialog(answers ...string) func(net.Conn) {
	return func(c net.Conn) {
		buf := make([]byte, 4096)
		for i, a := range answers {
			if i > 0 {
				if n, err := c.Read(buf); n == 0 || err != nil {
					return
				}
			}
			io.WriteString(c, a)
		}
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
	}
}

// echo sends back what it gets, a request as the body of a reply.
func echo(c net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if s := string(buf[:n]); strings.Contains(s, " HTTP/1.") {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, s)
			continue
		}
		c.Write(buf[:n])
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

// A reply is a server's behaviour and what is expected of it, in HAProxy's
// words and in ours.
type reply struct {
	name  string
	serve func(net.Conn) // nil: nobody listens
	lines string         // of the backend; "tcp": no option; else behind option httpchk, unless they name another
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
	{name: "status_in_range", serve: answer(hello), lines: "http-check expect status 200-299,404"},
	{name: "status_other", serve: answer(hello), lines: "http-check expect status 201"},
	{name: "status_unwanted", serve: answer(hello), lines: "http-check expect ! status 200"},
	{name: "string", serve: answer(hello), lines: "http-check expect string ell"},
	{name: "string_of_500", serve: answer(strings.Replace(hello, "200", "500", 1)), lines: "http-check expect string ell"},
	{name: "string_missing", serve: answer(hello), lines: "http-check expect string zzz"},
	{name: "string_missing_kept_open", serve: hold(hello), lines: "http-check expect string zzz"},
	{name: "string_of_endless_body", serve: hold("HTTP/1.1 200 OK\r\n\r\nhel"), lines: "http-check expect string zzz"},
	{name: "string_chunked", serve: hold("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), lines: "http-check expect string hello"},
	{name: "string_unwanted", serve: answer(hello), lines: "http-check expect ! string ell"},
	{name: "string_without_body", serve: answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), lines: "http-check expect string ell"},
	{name: "rstring", serve: answer(hello), lines: "http-check expect rstring ^h.*o$"},
	{name: "rstring_missing", serve: answer(hello), lines: "http-check expect rstring ^z"},
	{name: "rstatus", serve: answer(hello), lines: "http-check expect rstatus ^2"},
	// sequences of http-check
	{name: "two_expects", serve: answer(hello), lines: "http-check expect status 200\nhttp-check expect string hell"},
	{name: "second_expect_fails", serve: answer(hello), lines: "http-check expect status 200\nhttp-check expect string zzz comment second"},
	{name: "comment", serve: answer(hello), lines: "http-check comment page\nhttp-check expect status 201"},
	{name: "comment_not_for_expect", serve: answer(hello), lines: "http-check comment asking\nhttp-check send meth GET\nhttp-check expect status 201"},
	{name: "hdr", serve: answer(list), lines: "http-check expect hdr name x-list value b"},
	{name: "hdr_other", serve: answer(list), lines: "http-check expect hdr name x-list value c"},
	{name: "hdr_presence", serve: answer(list), lines: "http-check expect hdr name -m beg x-"},
	{name: "hdr_absent", serve: answer(list), lines: "http-check expect hdr name y-list"},
	{name: "hdr_unwanted", serve: answer(list), lines: "http-check expect ! hdr name X-List"},
	{name: "hdr_name_lf", serve: answer(list), lines: "http-check expect hdr name-lf %[str(x-list)] value-lf -m sub %[str(a)]"},
	{name: "hdr_regexes", serve: answer(list), lines: "http-check expect hdr name -m reg ^X-L value -m reg ^b$"},
	{name: "fhdr", serve: answer(list), lines: "http-check expect fhdr name x-list value -m end b"},
	{name: "fhdr_other", serve: answer(list), lines: "http-check expect fhdr name x-list value b"},
	{name: "error_status", serve: answer(hello), lines: "http-check expect error-status L7RSP status 201"},
	{name: "error_conditional", serve: answer(hello), lines: "http-check expect error-status L7OKC status 201"},
	{name: "error_l4con", serve: answer(hello), lines: "http-check expect error-status L4CON status 201"},
	{name: "ok_l6ok", serve: answer(hello), lines: "http-check expect ok-status L6OK status 200"},
	{name: "ok_conditional", serve: answer(hello), lines: "http-check expect ok-status L7OKC status 200"},
	{name: "timeout_l4tout", serve: hold(""), lines: "http-check expect tout-status L4TOUT status 200"},
	{name: "on_success", serve: answer(list), lines: "http-check expect on-success \"%[res.hdr(x-list)] of %[be_name]/%[srv_name]\" status 200"},
	{name: "on_error", serve: answer(list), lines: "http-check expect on-error \"want %[str(b)]\" comment why status 201"},
	{name: "status_code", serve: answer(list), lines: "http-check expect status-code int(7) status 200"},
	{name: "status_code_error", serve: answer(list), lines: "http-check expect status-code int(7) status 201"},
	{name: "string_lf", serve: answer(hello), lines: "http-check expect string-lf %[str(ell)]"},
	{name: "min_recv_conclusive", serve: hold("HTTP/1.1 200 OK\r\n\r\nhel"), lines: "http-check expect min-recv 3 string zzz"},
	{name: "var_in_uri", serve: echo, lines: "http-check set-var-fmt(check.u) %[be_name]\nhttp-check send meth GET uri-lf /?%[var(check.u)]\nhttp-check expect string /?var_in_uri"},
	{name: "status_404_kept", serve: answer("HTTP/1.1 404 No\r\n\r\n"), lines: "http-check disable-on-404\nhttp-check expect status 200"},
	// tcp-check
	{name: "tcp_no_steps", serve: answer(""), lines: "option tcp-check"},
	{name: "tcp_refused", lines: "option tcp-check\ntcp-check expect string x"},
	{name: "tcp_refused_connect", lines: "option tcp-check\ntcp-check connect comment there\ntcp-check expect string x"},
	{name: "tcp_connect_only", serve: answer(""), lines: "option tcp-check\ntcp-check connect"},
	{name: "tcp_send_last", serve: hold(""), lines: "option tcp-check\ntcp-check send x"},
	{name: "tcp_string", serve: greet("+OK hi\r\n"), lines: "option tcp-check\ntcp-check expect string +OK"},
	{name: "tcp_string_missing", serve: greet("-NO hi\r\n"), lines: "option tcp-check\ntcp-check expect string +OK"},
	{name: "tcp_string_missing_held", serve: hold("-NO hi\r\n"), lines: "option tcp-check\ntcp-check send x\ntcp-check expect string +OK"},
	{name: "tcp_string_unwanted", serve: greet("+OK hi\r\n"), lines: "option tcp-check\ntcp-check expect ! string +OK comment no"},
	{name: "tcp_unwanted_absent", serve: greet("-NO hi\r\n"), lines: "option tcp-check\ntcp-check expect ! string +OK"},
	{name: "tcp_empty", serve: greet(""), lines: "option tcp-check\ntcp-check expect string +OK"},
	{name: "tcp_empty_reset", serve: slam, lines: "option tcp-check\ntcp-check send x\ntcp-check expect string +OK"},
	{name: "tcp_rstring_reset", serve: slam, lines: "option tcp-check\ntcp-check send x\ntcp-check expect rstring OK comment re"},
	{name: "tcp_binary_reset", serve: slam, lines: "option tcp-check\ntcp-check send x\ntcp-check expect binary 4f4b"},
	{name: "tcp_rstring", serve: greet("220 hi\r\n"), lines: "option tcp-check\ntcp-check expect rstring ^2"},
	{name: "tcp_rstring_missing", serve: greet("320 hi\r\n"), lines: "option tcp-check\ntcp-check expect rstring ^2"},
	{name: "tcp_binary", serve: greet("\x00\x01\xff"), lines: "option tcp-check\ntcp-check expect binary 01FF"},
	{name: "tcp_binary_missing", serve: greet("\x00\x01\xff"), lines: "option tcp-check\ntcp-check expect binary 01fe comment bin"},
	{name: "tcp_rbinary", serve: greet("\x00\x01\xff"), lines: "option tcp-check\ntcp-check expect rbinary ^0001F"},
	{name: "tcp_rbinary_missing", serve: greet("\x00\x01\xff"), lines: "option tcp-check\ntcp-check expect rbinary ^01"},
	{name: "tcp_string_lf", serve: greet("of tcp_string_lf"), lines: "option tcp-check\ntcp-check expect string-lf %[be_name]"},
	{name: "tcp_string_lf_missing", serve: greet("of tcp_string"), lines: "option tcp-check\ntcp-check expect string-lf %[be_name]"},
	{name: "tcp_binary_lf", serve: greet("AB"), lines: "option tcp-check\ntcp-check expect binary-lf %[str(AB),hex]"},
	{name: "tcp_binary_lf_missing", serve: greet("AB"), lines: "option tcp-check\ntcp-check expect binary-lf %[str(AC),hex]"},
	{name: "tcp_send_all", serve: echo, lines: "option tcp-check\ntcp-check send a\ntcp-check expect string a\ntcp-check send-binary 62\ntcp-check expect string b\ntcp-check send-lf %[str(c)]\ntcp-check expect string c\ntcp-check send-binary-lf %[str(d),hex]\ntcp-check expect string d"},
	{name: "tcp_send_forgets", serve: echo, lines: "option tcp-check\ntcp-check send a\ntcp-check expect string a\ntcp-check send b\ntcp-check expect string a"},
	{name: "tcp_expects_share", serve: greet("one two"), lines: "option tcp-check\ntcp-check expect string one\ntcp-check expect string two\ntcp-check expect string one"},
	{name: "tcp_min_recv", serve: greet("abc"), lines: "option tcp-check\ntcp-check expect min-recv 10 rstring ^abc"},
	{name: "tcp_min_recv_0", serve: hold("abc"), lines: "option tcp-check\ntcp-check send x\ntcp-check expect min-recv 0 rstring ^x"},
	{name: "tcp_error_status", serve: greet("abc"), lines: "option tcp-check\ntcp-check expect error-status L7STS status-code int(42) string x"},
	{name: "tcp_on_error", serve: greet("abc"), lines: "option tcp-check\ntcp-check expect on-error %[str(bad)] comment c string x"},
	{name: "tcp_on_success", serve: greet("abc"), lines: "option tcp-check\ntcp-check expect on-success %[str(good)] string abc"},
	{name: "tcp_tout_status", serve: hold(""), lines: "option tcp-check\ntcp-check expect tout-status L6TOUT string x"},
	{name: "tcp_timeout", serve: hold(""), lines: "option tcp-check\ntcp-check comment slow\ntcp-check send a\ntcp-check expect string x"},
	{name: "tcp_var_step", serve: greet("abc"), lines: "option tcp-check\ntcp-check set-var(check.x) int(1)\ntcp-check comment c\ntcp-check expect string x"},
	{name: "tcp_send_proxy", serve: echo, lines: "option tcp-check\ntcp-check connect send-proxy\ntcp-check expect string PROXY\\ TCP4\\ 127.0.0.1\\ 127.0.0.1"},
	// protocols
	{name: "smtp", serve: dialog("220 hi\r\n", "250-a\r\n250 b\r\n", "221 bye\r\n"), lines: "option smtpchk EHLO x.example"},
	{name: "smtp_bad_greeting", serve: greet("hello\r\n"), lines: "option smtpchk"},
	{name: "smtp_busy", serve: greet("421 too busy\r\n"), lines: "option smtpchk"},
	{name: "smtp_refuses_helo", serve: dialog("220 hi\r\n", "550 no such\r\n"), lines: "option smtpchk HELO x.example"},
	{name: "smtp_closed", serve: greet(""), lines: "option smtpchk"},
	{name: "redis", serve: dialog("", "+PONG\r\n"), lines: "option redis-check"},
	{name: "redis_auth", serve: dialog("", "-NOAUTH Authentication required.\r\n"), lines: "option redis-check"},
	{name: "redis_closed", serve: dialog("", ""), lines: "option redis-check"},
	{name: "ssl_alert", serve: dialog("", "\x15\x03\x01\x00\x02\x02\x28"), lines: "option ssl-hello-chk"},
	{name: "ssl_not", serve: dialog("", "HTTP/1.0 400 Bad\r\n"), lines: "option ssl-hello-chk"},
	{name: "ssl_closed", serve: dialog("", ""), lines: "option ssl-hello-chk"},
	{name: "ssl_silent", serve: hold(""), lines: "option ssl-hello-chk"},
	{name: "rstatus_other", serve: answer(hello), lines: "http-check expect rstatus ^3"},
}

// all are the lines of the reply's backend.
func (r *reply) all() string {
	switch {
	case r.lines == "tcp":
		return ""
	case strings.HasPrefix(r.lines, "option "):
		return r.lines
	}
	return "option httpchk\n" + r.lines
}

// view is what show stat says of a check.
func view(st *backend.State) string {
	code := ""
	if st.Check.Status.HasCode() {
		code = fmt.Sprint(st.Check.Code)
	}
	return fmt.Sprintf("%s %s %s %q", st.Status(), st.Check.Status, code, st.Check.Info)
}

// TestRepliesMeanWhatTheyMeanToHAProxy lets both check the same servers, again
// and again: on a busy machine a single check may be late on either side.
func TestRepliesMeanWhatTheyMeanToHAProxy(t *testing.T) {
	t.Parallel()
	const inter = 1500 * time.Millisecond // and the time that a check has
	var text strings.Builder
	for _, r := range replies {
		port := 0
		if r.serve == nil {
			port = refusing(t)
		} else {
			port = listen(t, r.serve)
		}
		fmt.Fprintf(&text, "backend %s\n %s\n server s 127.0.0.1:%d check inter %d fall 1\n", r.name, strings.ReplaceAll(r.all(), "\n", "\n "), port, inter.Milliseconds())
	}
	proxies := parse(t, text.String())
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
