package metrics

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bascule/test/running"
)

// countedConfig has a proxy for each kind of traffic, so that a counter that
// differs says where. bascule plays by HAProxy's rules where its own are better:
// those differences have their own tests. Times that end something are some seconds, since
// a peer has to have said its word by then; the others are never reached.
const countedConfig = `
global
	nbthread $THREADS
	maxconn 500
	stats socket $DIR/sock mode 600 level admin
defaults
	mode http
	timeout connect 30s
	timeout client 2m
	timeout server 2m
	timeout http-keep-alive 2m
	retries 1
	.if feature(BASCULE)
	no option safe-replay
	no option replay-on-error
	no option redispatch-at-once
	no option fast-detect
	.endif
frontend plain
	bind $IP:8001 name one
	bind $IP:8101
	option socket-stats
	http-request deny if { path /denied }
	http-request return status 200 if { path /here }
	http-request redirect location /there if { path /moved }
	http-response deny if { status 202 }
	default_backend app
backend app
	http-reuse never
	cookie SRV insert indirect nocache
	server s1 $SERVER cookie c1
	server s2 $SERVER cookie c2
frontend limits
	bind $IP:8002
	timeout http-request 4s
	tcp-request connection reject if { dst_port 8102 }
	bind $IP:8102
	tcp-request session reject if { dst_port 8202 }
	bind $IP:8202
	default_backend app
listen tired
	bind $IP:8003
	option abortonclose
	timeout server 4s
	http-reuse never
	server t1 $SERVER
listen dead
	bind $IP:8004
	server d1 $NOBODY
listen moving
	bind $IP:8005
	option redispatch
	http-reuse never
	cookie SRV insert indirect nocache
	server m1 $NOBODY cookie c1
	server m2 $SERVER cookie c2
listen queue
	bind $IP:8006
	http-reuse never
	option abortonclose
	server q1 $SERVER maxconn 1
listen sockets
	bind $IP:8007
	http-reuse never
	server w1 $SERVER
listen raw
	mode tcp
	bind $IP:8008
	server r1 $RAW
listen rawdead
	mode tcp
	bind $IP:8009
	server r1 $NOBODY
listen empty
	bind $IP:8010
frontend nowhere
	bind $IP:8011
listen figures
	bind $IP:8012
	stats enable
	stats uri /stats
`

// A client is one connection to the proxy.
type client struct {
	p *proxy
	c net.Conn
	r *bufio.Reader
}

func (p *proxy) dial(port int) *client {
	p.t.Helper()
	before := p.accepted()
	c, err := net.Dial("tcp", net.JoinHostPort(p.IP, strconv.Itoa(port)))
	if err != nil {
		p.t.Fatal(err)
	}
	p.Await("the connection at the proxy", func() bool { return p.accepted() > before })
	p.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &client{p, c, bufio.NewReader(c)}
}

// accepted is how many connections the proxy has taken.
func (p *proxy) accepted() (n int) {
	s := p.Stat()
	for _, row := range s.Rows {
		more, _ := strconv.Atoi(s.Cells[row]["conn_tot"]) // others than frontends have none
		n += more
	}
	return n
}

// rejected connects where a rule closes at once.
func (p *proxy) rejected(port int) {
	p.t.Helper()
	c, err := net.Dial("tcp", net.JoinHostPort(p.IP, strconv.Itoa(port)))
	if err != nil {
		return // it was faster
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if n, err := io.Copy(io.Discard, c); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Errorf("%s: port %d: %d bytes, %v", p.Name, port, n, err)
	}
}

// send writes raw bytes; a proxy that has closed shows in what comes back.
func (c *client) send(text string) { _, _ = io.WriteString(c.c, text) }

// get asks and reads the reply; fields are lines.
func (c *client) get(want int, method, target string, fields ...string) *http.Response {
	c.p.t.Helper()
	_ = c.c.SetDeadline(time.Now().Add(patience))
	c.send(method + " " + target + " HTTP/1.1\r\n" + strings.Join(append([]string{"Host: lab"}, fields...), "\r\n") + "\r\n\r\n")
	return c.read(want, method)
}

func (c *client) read(want int, method string) *http.Response {
	c.p.t.Helper()
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.p.t.Fatalf("%s: no reply, want %d: %v", c.p.Name, want, err)
	}
	if want != 101 {
		_, _ = io.Copy(io.Discard, res.Body) // one that is cut ends with an error
	}
	if res.StatusCode != want {
		c.p.t.Errorf("%s: status %d, want %d", c.p.Name, res.StatusCode, want)
	}
	return res
}

// ended waits until the proxy closes.
func (c *client) ended() {
	c.p.t.Helper()
	_, err := io.Copy(io.Discard, c.r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.p.t.Errorf("%s: the connection stays open", c.p.Name)
	}
}

func (c *client) close() { c.c.Close() }

// alone has a client of its own, and waits until it is gone, so that the most
// sessions at once are the same everywhere.
func (p *proxy) alone(port int, do func(c *client)) {
	p.t.Helper()
	c := p.dial(port)
	do(c)
	c.close()
	p.quiet()
}

// drive is the traffic.
func drive(p *proxy, s *server) {
	p.alone(8001, driveReplies)
	p.alone(8001, func(c *client) { c.get(403, "GET", "/denied") })
	p.alone(8101, func(c *client) {
		c.get(200, "GET", "/s/200", "Connection: close")
		c.ended()
	})
	p.alone(8001, func(c *client) {
		c.send("GARBAGE\r\n\r\n")
		c.read(400, "GET")
	})
	p.alone(8001, func(*client) {}) // says nothing
	p.alone(8002, func(c *client) {
		c.send("GET / HT")
		c.read(408, "GET")
	})
	p.alone(8001, func(c *client) { c.send("GET / HT") })
	for _, port := range []int{8102, 8202} {
		p.rejected(port)
	}

	driveFailures(p, s)
	driveQueue(p, s)
	driveTunnels(p)
	p.alone(8012, func(c *client) { c.get(200, "GET", "/stats;csv") })
	p.alone(8012, func(c *client) { c.get(503, "GET", "/elsewhere") })
	p.alone(8010, func(c *client) { c.get(503, "GET", "/") })
	p.alone(8011, func(c *client) { c.get(503, "GET", "/") })
}

// driveReplies asks for what servers and rules say, on one connection.
func driveReplies(c *client) {
	for _, status := range []int{200, 200, 201, 302, 304, 404, 403, 500, 501, 503} {
		c.get(status, "GET", fmt.Sprintf("/s/%d", status))
	}
	c.send("POST /s/200 HTTP/1.1\r\nHost: lab\r\nContent-Length: 4\r\n\r\nbody")
	c.read(200, "POST")
	c.get(200, "HEAD", "/s/200")
	for range 3 {
		c.get(200, "GET", "/s/200", "Cookie: SRV=c2")
	}
	c.get(103, "GET", "/early", "Cookie: SRV=c1")
	c.read(200, "GET")
	c.get(200, "GET", "/s/200", "Cookie: SRV=unknown")
	c.get(200, "GET", "/here")
	c.get(302, "GET", "/moved")
	c.get(502, "GET", "/s/202")
}

// driveFailures has servers and clients fail.
func driveFailures(p *proxy, s *server) {
	p.alone(8003, func(c *client) { c.get(504, "GET", "/never") })
	p.alone(8003, func(c *client) { c.get(502, "GET", "/close") })
	p.alone(8003, func(c *client) { c.get(502, "GET", "/junk") })
	p.alone(8003, func(c *client) { c.get(200, "GET", "/cut") })
	p.alone(8003, func(c *client) { c.get(200, "GET", "/stall") })
	c, before := p.dial(8003), s.waiting()
	c.send("GET /wait HTTP/1.1\r\nHost: lab\r\n\r\n")
	p.Await("the request at its server", func() bool { return s.waiting() > before })
	c.close()
	p.Await("the end of its session", func() bool { return p.Stat().Cells["tired/FRONTEND"]["scur"] == "0" })
	s.free <- struct{}{}
	p.alone(8004, func(c *client) { c.get(503, "GET", "/s/200") })
	p.alone(8005, func(c *client) { c.get(200, "GET", "/s/200", "Cookie: SRV=c1") })
	p.alone(8005, func(c *client) { c.get(200, "GET", "/s/200", "Cookie: SRV=c2") })
	p.alone(8009, func(c *client) {
		c.send("anybody?")
		c.ended()
	})
}

// driveQueue has three requests for one place.
func driveQueue(p *proxy, s *server) {
	before := s.waiting()
	var list []*client
	for i := range 3 {
		c := p.dial(8006)
		c.send("GET /wait HTTP/1.1\r\nHost: lab\r\n\r\n")
		list = append(list, c)
		p.Await("its place", func() bool {
			rows := p.Stat().Cells
			return rows["queue/BACKEND"]["qcur"] == fmt.Sprint(i) && rows["queue/q1"]["scur"] == "1" && s.waiting() > before
		})
	}
	list[2].close() // one leaves before its turn
	p.Await("one less in the queue", func() bool { return p.Stat().Cells["queue/BACKEND"]["qcur"] == "1" })
	for _, c := range list[:2] {
		s.free <- struct{}{}
		c.read(200, "GET")
		c.close()
	}
	p.quiet()
}

func driveTunnels(p *proxy) {
	echo := func(c *client, text string) {
		c.send(text)
		if got, err := io.ReadAll(io.LimitReader(c.r, int64(len(text)))); err != nil || string(got) != text {
			p.t.Errorf("%s: %q comes back as %q, %v", p.Name, text, got, err)
		}
	}
	p.alone(8007, func(c *client) {
		c.get(101, "GET", "/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")
		echo(c, "\x81\x85\x00\x00\x00\x00hello")
	})
	p.alone(8008, func(c *client) { echo(c, "hello") })
}

// timed are columns that depend on when they are read, or how fast the machine is:
// at smax a client that leaves counts until that is noticed.
var timed = []string{"smax", "pid", "lastchg", "downtime", "rate", "rate_max", "req_rate", "req_rate_max", "conn_rate", "conn_rate_max",
	"lastsess", "qtime", "ctime", "rtime", "ttime", "qtime_max", "ctime_max", "rtime_max", "ttime_max"}

// onPurpose are the differences that stay, and why; "row column", or a column
// of all rows.
var onPurpose = map[string]string{
	"addr": "each has servers and addresses of its own here",
	"bin":  "bytes on the wire; haproxy counts its own form of a message", "bout": "the same",
	"need_conn_est": "haproxy's estimate begins at 1",
}

func TestTheSameTrafficIsCountedAlike(t *testing.T) {
	for _, threads := range []int{1, 4} {
		t.Run(fmt.Sprintf("nbthread %d", threads), func(t *testing.T) {
			t.Parallel() // most of it is waiting for timeouts
			counted := func(start func(*testing.T, string) *proxy) *proxy {
				s, raw := serve(t, false), serve(t, true)
				p := start(t, strings.NewReplacer("$THREADS", fmt.Sprint(threads), "$SERVER", s.addr, "$RAW", raw.addr, "$NOBODY", nobody(t)).Replace(countedConfig))
				drive(p, s)
				p.quiet()
				return p
			}
			theirs, ours := counted(haproxy), counted(bascule)
			var differ []string // a session may end before all of it is counted
			if !running.Within(settled, func() bool { differ = differences(t, theirs.Stat(), ours.Stat()); return len(differ) == 0 }) {
				t.Error(strings.Join(differ, "\n"))
			}
		})
	}
}

// settled is when everything has been counted.
const settled = 15 * time.Second

func differences(t *testing.T, theirs, ours running.Sheet) (list []string) {
	t.Helper()
	if !slices.Equal(theirs.Rows, ours.Rows) {
		t.Fatalf("rows %q, haproxy has %q", ours.Rows, theirs.Rows)
	}
	columns := theirs.Columns[:slices.Index(theirs.Columns, "-")]
	if got := ours.Columns[:min(len(columns), len(ours.Columns))]; !slices.Equal(got, columns) {
		t.Fatalf("columns %q, haproxy has %q", got, columns)
	}
	for _, row := range theirs.Rows {
		for _, column := range columns {
			got, want := ours.Cells[row][column], theirs.Cells[row][column]
			if got != want && !slices.Contains(timed, column) && onPurpose[column] == "" && onPurpose[row+" "+column] == "" {
				list = append(list, fmt.Sprintf("%s: %s is %q, haproxy says %q", row, column, got, want))
			}
		}
	}
	return list
}
