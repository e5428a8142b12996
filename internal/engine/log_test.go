package engine

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// logWays are what a frontend may say about its log, and how many lines the
// requests below make then, 0: one each.
var logWays = []struct {
	name, mode, lines, target string
	count                     int
}{
	{"httplog", "http", "option httplog", "", 0},
	{"clf", "http", "option httplog clf", "", 0},
	{"httpslog", "http", "option httpslog", "", 0},
	{"errors apart", "http", "option httplog\n option log-separate-errors", "", 0},
	{"errors alone", "http", "option httplog\n option dontlog-normal\n option log-separate-errors", "", 5},
	{"errors in their format", "http", "option httplog\n error-log-format '%ci %ft %b/%s %ST %ts %Tq %r %[src] %lc'", "", 0},
	{"soon", "http", "option httplog\n option logasap", "", 0},
	{"counted", "http", "log-format '%lc %{+X}lc %HM %si:%sp %bi %{+Q}sslv %hrl %hsl %ID'\n unique-id-format %ci-%[str(x)]", "", 0},
	{"expressions", "http", "http-request set-var(txn.a) req.hdr(user-agent)\n log-format '%[var(txn.a)] %{+Q,+E}[var(txn.a)] %[capture.req.uri] %[method] %[src] %{-M}[var(txn.b)]|'", "", 0},
	{"structured data", "http", "option httplog\n log-format-sd '%{+Q,+E}o [x@1 uri=%HU agent=%[capture.req.hdr(0)]] '", "format rfc5424", 0},
	{"structured data for nobody", "http", "option httplog\n log-format-sd '[x@1 uri=%HU]'", "", 0},
	{"levels", "http", "option httplog\n option log-separate-errors\n http-request set-log-level warning if { path /500 }\n http-request set-log-level silent if { path /close }", "", 5},
	{"short", "http", "option httplog", "format short", 0},
	{"priority", "http", "option httplog", "format priority", 0},
	{"iso", "http", "option httplog", "format iso", 0},
	{"timed", "http", "option httplog", "format timed", 0},
	{"sampled", "http", "option httplog", "sample 2,4:4", 3},
	{"tcp", "tcp", "option tcplog", "", 0},
	{"tcp soon", "tcp", "option tcplog\n option logasap", "", 0},
}

// logRequests are sent each on a connection of its own.
var logRequests = []string{
	"GET /x\"y?a=1 HTTP/1.1\r\nHost: h\r\nUser-Agent: cu\"r]l{\\#\r\nCookie: c=y\"e\r\nConnection: close\r\n\r\n",
	"GET /close HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	"GET /500 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	"GET /y HTTP/1.1\r\nHost h\r\n\r\n",
	"GET /denied HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	"GET /none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
}

// logServer answers and closes; it stops with the test.
func logServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // until l is closed
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 4096)
			c.SetDeadline(time.Now().Add(patience))
			n, _ := c.Read(buf)
			switch head := string(buf[:n]); {
			case strings.Contains(head, "/close"), n == 0:
			case strings.Contains(head, "/500"):
				io.WriteString(c, "HTTP/1.1 500 Oops\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
			default:
				io.WriteString(c, "HTTP/1.1 200 OK\r\nServer: x\"y\r\nSet-Cookie: c=z\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
			}
			c.Close()
		}
	}()
	return l.Addr().String()
}

// logConfig is the file for both; the frontends' lines go to sink.
func logConfig(mode, lines, target, bind, sink, srv string) string {
	http := ""
	if mode == "http" {
		http = " capture cookie c len 20\n capture request header User-Agent len 40\n capture request header X-Q len 40\n capture response header Server len 40\n" +
			" http-request deny if { path /denied }\n use_backend none if { path /none }\n"
	}
	none := "backend none\n server s1 127.0.0.1:1\n"
	return fmt.Sprintf("global\n nbthread 1\n stats socket $DIR/sock\ndefaults\n mode %s\n timeout connect 30s\n timeout client 30s\n timeout server 30s\n timeout http-request 30s\n retries 0\n option dontlognull\n"+
		"frontend f\n bind %s\n log %s %s local0\n%s %s\n default_backend b\nbackend b\n server s1 %s\n%s", mode, bind, sink, target, http, lines, srv, none)
}

// wandering is what differs between two runs: ports, dates, process numbers,
// times and numbers of connections; a time that was not reached stays.
var wandering = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`\d+/\w+/\d{4}:\d+:\d+:\d+(\.\d+| \+0000)?`), "DATE"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.+]+`), "ISO"},
	{regexp.MustCompile(`\w{3} [ \d]\d \d\d:\d\d:\d\d `), "STAMP "},
	{regexp.MustCompile(`\[\d+\]: `), "[PID]: "},
	{regexp.MustCompile(`haproxy \d+ -`), "haproxy PID -"},
	{regexp.MustCompile(`(127\.0\.0\.1):\d+`), "$1:PORT"},
	{regexp.MustCompile(`("" "") \d+ \d+ `), "$1 PORT MS "},
	{regexp.MustCompile(`((?:-?\d+/){3,4}\+?)\d+ (\d{3}) (\+?)\d+ `), "$1 $2 ${3}BYTES "},
	{regexp.MustCompile(`((?:-?\d+/){2}\+?)\d+ \+?\d+ (..) `), "$1 BYTES $2 "},
	{regexp.MustCompile(` (\d{3}) \d+ "" "" `), ` $1 BYTES "" "" `},
	{regexp.MustCompile(`\d+/\d+/\d+/\d+/(\+?\d+) (\d+/\d+)`), "CONNS/$1 $2"},
	{regexp.MustCompile(`((?:-1|\d+) ){5}(....) \d+ \d+ \d+ \d+ `), "TIMES $2 CONNS "},
	{regexp.MustCompile(`(^|[ /])\d+/`), "$1#/"},
	{regexp.MustCompile(`/\d+/`), "/#/"},
	{regexp.MustCompile(`/\d+/`), "/#/"},
}

func still(line string) string {
	for _, w := range wandering {
		line = w.re.ReplaceAllString(line, w.by)
	}
	return line
}

// listens says whether somebody listens at an address, without a connection that
// would be logged.
func listens(addr string) bool {
	table, err := os.ReadFile("/proc/net/tcp")
	at := netip.MustParseAddrPort(addr)
	return err == nil && strings.Contains(string(table), fmt.Sprintf("%08X:%04X 00000000:0000 0A", binary.NativeEndian.Uint32(at.Addr().AsSlice()), at.Port()))
}

// linesOf sends the requests to addr, and gives the lines
// at the sink.
func linesOf(t *testing.T, addr string, sink net.PacketConn, count int) []string {
	t.Helper()
	for _, r := range logRequests {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(patience))
		io.WriteString(c, r)
		io.Copy(io.Discard, c)
		c.Close()
	}
	var lines []string
	buf := make([]byte, 64<<10)
	for len(lines) < count {
		sink.SetReadDeadline(time.Now().Add(patience))
		n, _, err := sink.ReadFrom(buf)
		if err != nil {
			t.Errorf("after %q: %v", lines, err)
			return lines
		}
		lines = append(lines, string(buf[:n]))
	}
	return lines
}

func TestLogLinesAreHAProxys(t *testing.T) {
	for _, way := range logWays {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			srv := logServer(t)
			var got [2][]string
			for i := range got {
				sink, err := net.ListenPacket("udp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer sink.Close()
				bind := freeAddr(t)
				text := logConfig(way.mode, way.lines, way.target, bind, sink.LocalAddr().String(), srv)
				if i == 0 {
					judge(t, text)
					eventually(t, "haproxy listens", func() bool { return listens(bind) })
				} else {
					run(t, text)
				}
				count := way.count
				if count == 0 {
					count = len(logRequests)
				}
				for _, line := range linesOf(t, bind, sink, count) {
					got[i] = append(got[i], still(line))
				}
			}
			if len(got[0]) != len(got[1]) {
				t.Fatalf("we %q, haproxy %q", got[1], got[0])
			}
			for i, want := range got[0] {
				if have := got[1][i]; have != want {
					t.Errorf("line %d\nwe      %q\nhaproxy %q", i, have, want)
				}
			}
		})
	}
}
