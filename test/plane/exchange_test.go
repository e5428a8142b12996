package plane

import (
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// An exchange is what is put through both proxies.
type exchange struct {
	global, defaults, front, back string // lines of the configuration
	options                       string // of every server
	bind                          string // options of the bind
	server                        func(*peer)
	servers                       []func(*peer) // instead, several; nil refuses
	addr                          string        // instead, of a server that is none of ours
	client                        func(w *world, dial func() *peer)
	logs                          int // lines to wait for; 0: one for each final reply; -1: the client has
	// own is what bascule does in place of haproxy's outcome, on purpose; empty
	// parts are haproxy's.
	own outcome
	// nowAndThen haproxy, too, does what bascule always does.
	nowAndThen bool
	// same brings what is seen into a form in which both must agree; nil: as it is.
	same func(string) string
}

// An outcome is everything that was seen.
type outcome struct {
	client, server, log string
}

func (x *exchange) run(w *world) (o outcome) {
	var clients []*peer
	dial := func() *peer {
		conn, err := net.Dial("tcp", w.site)
		if err != nil {
			w.t.Fatal(err)
		}
		p := newPeer(w.t, conn)
		clients = append(clients, p)
		return p
	}
	func() {
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(ended); !ok {
					panic(r)
				}
			}
		}()
		x.client(w, dial)
	}()
	for _, p := range clients {
		p.conn.Close()
	}
	o.client = transcript(clients)
	n := x.logs
	if n < 0 {
		n = 0
	} else if n == 0 {
		n = len(finalReply.FindAllString(o.client, -1))
	}
	w.lines(n)
	o.log = strings.Join(w.logged, "\n")
	w.end() // every server's script meets the end of its connection
	o.server = transcript(w.conns())
	return o
}

func transcript(peers []*peer) string {
	var b strings.Builder
	for i, p := range peers {
		if i > 0 {
			b.WriteString("\n\n-- next connection\n\n")
		}
		b.WriteString(strings.Join(p.noted(), "\n\n"))
	}
	return b.String()
}

// logHead is the syslog prefix: its time is of each run alone.
var logHead = regexp.MustCompile(`^.*?(haproxy|bascule)\[\d+\]: `)

// httpLine is option httplog behind the prefix. Times are compared as
// reached or not; sizes and connection counts are other tests' matter.
var httpLine = regexp.MustCompile(`^\S+ \[[^]]*\] (\S+ \S+) (\S+) (\d+|-1) \d+ (\S+ \S+ \S+) \d+/\d+/\d+/\d+/(\S+) \S+ (.*)$`)

// tcpLine is option tcplog, of which all but the times is compared.
var tcpLine = regexp.MustCompile(`^\S+ \[[^]]*\] (\S+ \S+) (\S+) (\+?\d+) (\S\S) (\d+/\d+/\d+/\d+/\S+) (\d+/\d+)$`)
var tcpBytes = regexp.MustCompile(` \d+ ([A-Za-z-]{2}) `)
var finalReply = regexp.MustCompile(`(?m)^HTTP/1\.. (?:101|[2-5]\d\d) `)
var tick = regexp.MustCompile(`\d+`)

// lines waits until there are n of the log.
func (w *world) lines(n int) {
	all := &w.logged
	_ = w.log.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 64<<10)
	for len(*all) < n {
		k, _, err := w.log.ReadFrom(buf)
		if err != nil {
			*all = append(*all, "no line: "+err.Error())
			break
		}
		line := logHead.ReplaceAllString(strings.TrimSpace(string(buf[:k])), "")
		m := httpLine.FindStringSubmatch(line)
		if m == nil {
			m = tcpLine.FindStringSubmatch(line)
		}
		if m == nil {
			if strings.Contains(line, " started") || strings.HasPrefix(line, "Server be/") || strings.HasPrefix(line, "backend be has no server") {
				continue
			}
			*all = append(*all, line)
			continue
		}
		var phases []string
		for _, t := range strings.Split(m[2], "/") {
			if t != "-1" {
				t = tick.ReplaceAllString(t, "t")
			}
			phases = append(phases, t)
		}
		*all = append(*all, strings.Join(append([]string{m[1], strings.Join(phases, "/")}, m[3:]...), " "))
	}
	slices.Sort(*all)
}

// compare runs the exchange through both.
func compare(t *testing.T, x *exchange) {
	t.Helper()
	want, got := x.run(haproxy(t, x)), x.run(bascule(t, x))
	same := x.same
	if same == nil {
		same = func(s string) string { return s }
	}
	for _, part := range []struct{ name, got, want, own string }{
		{"the client", got.client, want.client, x.own.client}, {"the server", got.server, want.server, x.own.server}, {"the log", got.log, want.log, x.own.log},
	} {
		g, w := same(part.got), same(part.want)
		if part.own != "" && g == w && !x.nowAndThen {
			t.Errorf("%s: bascule does what haproxy does, which was not expected:\n%s", part.name, g)
		}
		if part.own != "" {
			w = part.own
		}
		if g != w {
			t.Errorf("%s\n-- bascule:\n%s\n-- wanted:\n%s\n-- haproxy:\n%s", part.name, g, w, same(part.want))
		}
	}
}

// ownTexts hides the words of the pages that a proxy makes.
func ownTexts(s string) string {
	s = ownPage.ReplaceAllString(s, "cache-control: no-cache$1\ncontent-length: N\ncontent-type: text/html\n\nbody PAGE")
	return ownReasons.Replace(s)
}

// ownReasons are HAProxy's reasons that are not those of RFC 9110, and the
// token of an upgrade, which bascule writes itself.
var ownReasons = strings.NewReplacer("400 Bad Request", "400 Bad request", "408 Request Timeout", "408 Request Time-out",
	"504 Gateway Timeout", "504 Gateway Time-out", "connection: upgrade", "connection: Upgrade")

var ownPage = regexp.MustCompile(`cache-control: no-cache(\n.*)?\ncontent-length: \d+\ncontent-type: text/html\n\nbody "<html>.*"`)

var siteAddress = regexp.MustCompile(`127\.\d+\.\d+\.\d+`)
