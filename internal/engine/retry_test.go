package engine

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const retryConfig = `
global
    stats socket $DIR/sock level admin
    nbthread 1
defaults
    mode http
    timeout connect 20s
    timeout client 1m
    timeout server 1m
    $LOG
    log-format "@@%b %ST %tsc %s %rc"
    .if feature(BASCULE)
    no option safe-replay
    no option redispatch-at-once
    .endif
`

// An actor is a server that does with each request what its script says, and
// the last of it again and again.
type actor struct {
	mu     sync.Mutex
	script []string
	got    []string
}

// next is what to do with a request.
func (a *actor) next(r *http.Request, body []byte) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	act := a.script[0]
	if len(a.script) > 1 {
		a.script = a.script[1:]
	}
	a.got = append(a.got, fmt.Sprintf("%s %d %s", r.Method, len(body), act))
	return act
}

func (a *actor) seen() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.got, ", ")
}

func (a *actor) serve(c net.Conn) {
	defer c.Close()
	in := newRequests(c)
	r, body, err := in()
	if err != nil {
		return
	}
	switch act := a.next(r, body); act {
	case "fin":
	case "rst":
		_ = c.(*net.TCPConn).SetLinger(0) // a connection that is gone is reset already
	case "silent":
		_, _ = io.Copy(io.Discard, c) // until the other side has had enough
	case "junk":
		_, _ = io.WriteString(c, "what?\r\n\r\n")
	case "half":
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
	default:
		_, _ = fmt.Fprintf(c, "HTTP/1.1 %s Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", act)
	}
}

// playActor starts an actor of the words of a script: "gone" refuses to be connected to.
func playActor(t *testing.T, script string) (addr string, a *actor) {
	t.Helper()
	a = &actor{script: strings.Fields(script)}
	if script == "gone" {
		return freeAddr(t), a
	}
	return playServer(t, a.serve), a
}

// hurry is the timeout that a section needs for what its servers do: nothing else in
// it may be in a hurry.
func hurry(servers string) string {
	switch {
	case strings.Contains(servers, "silent"):
		return "timeout server 2s"
	case strings.Contains(servers, "deaf"):
		return "timeout connect 2s"
	}
	return ""
}

// deaf is the address of a listener whose queue is full: it does not answer to a connect.
func deaf(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", sa.(*unix.SockaddrInet4).Port)
	for range 8 {
		c, err := net.DialTimeout("tcp", addr, 2*time.Second) // no less: a queue with room answers at once, on a machine that does not stand still
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the listener's queue has no end")
	return ""
}

// retryCases are sections, with the servers' scripts, and a request.
var retryCases = []struct {
	name, lines, request, servers string // scripts separated by |
	requests                      int
}{
	{"a refusal", "", "GET", "gone|200", 2},
	{"a refusal, no retries", "retries 0", "GET", "gone|200", 2},
	{"a refusal, one retry", "retries 1", "POST", "gone|200", 2},
	{"a refusal with redispatch", "option redispatch", "GET", "gone|200", 2},
	{"a refusal with redispatch, all gone", "option redispatch", "GET", "gone|gone", 2},
	{"a refusal with redispatch, alone", "option redispatch\n retries 2", "GET", "gone", 1},
	{"a refusal by leastconn", "balance leastconn\n option redispatch", "GET", "gone|200", 1},
	{"a refusal by leastconn, every retry", "balance leastconn\n option redispatch 1", "GET", "gone|200", 1},
	{"a refusal by uri", "balance uri\n hash-type consistent\n option redispatch 1", "GET", "gone|gone|200", 1},
	{"a refusal by first", "balance first\n option redispatch 2", "GET", "gone|200", 1},
	{"a refusal by static-rr", "balance static-rr\n option redispatch", "GET", "gone|200", 2},
	{"a refusal, redispatch 0", "option redispatch 0", "GET", "gone|200", 1},
	{"a refusal, redispatch 0, leastconn", "balance leastconn\n option redispatch 0", "GET", "gone|200", 1},
	{"a refusal, redispatch -2", "balance leastconn\n option redispatch -2", "GET", "gone|200", 1},
	{"a refusal, redispatch -2, five retries", "balance leastconn\n option redispatch -2\n retries 5", "GET", "gone|200", 1},
	{"a refusal, redispatch 2, five retries", "balance leastconn\n option redispatch 2\n retries 5", "GET", "gone|gone", 1},
	{"a sticky refusal", "cookie S insert indirect", "GET a", "gone|200", 1},
	{"a sticky refusal with redispatch", "cookie S insert indirect\n option redispatch", "GET a", "gone|200", 1},
	{"a sticky refusal, every retry", "cookie S insert indirect\n option redispatch 1", "GET a", "gone|200", 1},
	{"a sticky refusal, all gone", "cookie S insert indirect\n option redispatch", "GET a", "gone|gone", 1},
	{"a sticky refusal, one retry", "cookie S insert indirect\n option redispatch\n retries 1", "GET a", "gone|200", 1},
	{"a refused POST", "option redispatch 1", "POST", "gone|200", 2},
	{"a silent connect", "", "GET", "deaf|200", 1},
	{"a silent connect with redispatch", "option redispatch", "GET", "deaf|200", 1},
	{"a sticky silent connect", "cookie S insert indirect\n option redispatch\n retries 2", "GET a", "deaf|200", 1},
	{"retry-on none", "retry-on none", "GET", "gone|200", 1},
	{"retry-on without conn-failure", "retry-on empty-response", "GET", "gone|200", 1},
	{"retry-on without conn-failure, redispatch", "option redispatch\n retry-on 503", "GET", "gone|200", 1},

	{"fin by default", "option redispatch 1", "GET", "fin|200", 1},
	{"rst by default", "option redispatch 1", "GET", "rst|200", 1},
	{"junk by default", "option redispatch 1", "GET", "junk|200", 1},
	{"half by default", "option redispatch 1", "GET", "half|200", 1},
	{"silence by default", "option redispatch 1", "GET", "silent|200", 1},
	{"503 by default", "option redispatch 1", "GET", "503|200", 1},
	{"empty-response, fin", "retry-on empty-response", "GET", "fin 200|404", 1},
	{"empty-response, fin, POST", "retry-on empty-response", "POST", "fin 200|404", 1},
	{"empty-response, fin for ever", "retry-on empty-response", "GET", "fin|404", 1},
	{"empty-response, rst", "retry-on empty-response", "GET", "rst 200|404", 1},
	{"empty-response, half", "retry-on empty-response", "GET", "half 200|404", 1},
	{"empty-response, junk", "retry-on empty-response", "GET", "junk 200|404", 1},
	{"empty-response, silence", "retry-on empty-response", "GET", "silent 200|404", 1},
	{"empty-response, redispatch", "option redispatch\n retry-on empty-response", "GET", "fin|200", 1},
	{"empty-response, redispatch, leastconn", "balance leastconn\n option redispatch\n retry-on empty-response", "GET", "fin|200", 1},
	{"empty-response, redispatch 1, leastconn", "balance leastconn\n option redispatch 1\n retry-on empty-response", "GET", "fin|200", 1},
	{"empty-response, redispatch 1, all", "option redispatch 1\n retry-on empty-response", "GET", "fin|fin", 1},
	{"empty-response, sticky", "cookie S insert indirect\n retry-on empty-response", "GET a", "fin fin 200|404", 1},
	{"empty-response, sticky, redispatch", "cookie S insert indirect\n option redispatch\n retry-on empty-response", "GET a", "fin|200", 1},
	{"empty-response, disabled", "retry-on empty-response\n http-request disable-l7-retry if METH_POST", "POST", "fin 200|404", 1},
	{"empty-response, disabled for others", "retry-on empty-response\n http-request disable-l7-retry if METH_POST", "GET", "fin 200|404", 1},
	{"empty-response, no retries", "retries 0\n retry-on empty-response", "GET", "fin 200|404", 1},
	{"empty-response, then a refusal", "option redispatch\n retry-on empty-response conn-failure", "GET", "fin|gone", 1},
	{"conn-failure, fin", "retry-on conn-failure", "GET", "fin 200|404", 1},
	{"junk-response, junk", "retry-on junk-response", "GET", "junk 200|404", 1},
	{"junk-response, junk for ever", "retry-on junk-response\n retries 1", "GET", "junk|404", 1},
	{"junk-response, half", "retry-on junk-response", "GET", "half 200|404", 1},
	{"junk-response, fin", "retry-on junk-response", "GET", "fin 200|404", 1},
	{"response-timeout", "retry-on response-timeout", "GET", "silent 200|404", 1},
	{"response-timeout, POST", "option redispatch 1\n retry-on response-timeout", "POST", "silent|200", 1},
	{"response-timeout for ever", "retry-on response-timeout\n retries 1", "GET", "silent|404", 1},
	{"0rtt-rejected", "retry-on 0rtt-rejected", "GET", "425 200|404", 1},
	{"a status", "retry-on 503", "GET", "503 200|404", 1},
	{"a status, POST, redispatch", "option redispatch 1\n retry-on 503", "POST", "503|200", 1},
	{"a status for ever", "retry-on 503\n retries 2", "GET", "503|404", 1},
	{"another status", "retry-on 503", "GET", "500 200|404", 1},
	{"several words", "retry-on 503 404 empty-response", "GET", "404 503 fin 200|500", 1},
	{"all statuses", "retries 12\n retry-on 401 403 404 408 425 500 501 502 503 504", "GET", "401 403 404 408 425 500 501 502 503 504 200|404", 1},
	{"all-retryable-errors", "retries 9\n retry-on all-retryable-errors", "GET", "fin junk silent 500 502 503 504 404|404", 1},
	{"all-retryable-errors, rst", "retry-on all-retryable-errors", "GET", "rst 200|404", 1},
	{"all-retryable-errors, redispatch", "option redispatch\n retry-on all-retryable-errors", "PUT", "gone|500 200", 2},
	{"the last line counts", "retry-on 503\n retry-on 500", "GET", "503 200|404", 1},
}

// word sends the request of a case, a method and the server of its cookie, and is the
// status that comes back.
func (s *side) word(section, request string) (status string, err error) {
	method, cookie, sticky := strings.Cut(request, " ")
	text := method + " / HTTP/1.1\r\nHost: x\r\n"
	if sticky {
		text += "Cookie: S=" + cookie + "\r\n"
	}
	if method == "KEYED" {
		text = strings.Replace(text, "KEYED", "POST", 1) + "Idempotency-Key: 1\r\n"
	}
	if method != "GET" {
		text += "Content-Length: 5\r\n\r\nhello"
	} else {
		text += "\r\n"
	}
	reply, err := s.exchange(section, text)
	if fields := strings.Fields(reply); len(fields) > 1 {
		status = fields[1]
	}
	return status, err
}

// TestRetriesAreHAProxys plays the same servers to both and compares what the
// client gets, what the servers are asked, the log line and the retries counted.
func TestRetriesAreHAProxys(t *testing.T) {
	var text [2]string
	var actors [2][][]*actor
	nobody := deaf(t)
	for k := range 2 {
		text[k] = retryConfig
		for i, c := range retryCases {
			text[k] += fmt.Sprintf("listen c%d\n bind unix@$DIR/c%d\n %s\n %s\n", i, i, hurry(c.servers), c.lines)
			var cast []*actor
			for n, script := range strings.Split(c.servers, "|") {
				addr, a := nobody, &actor{}
				if script != "deaf" {
					addr, a = playActor(t, script)
				}
				cast = append(cast, a)
				name := string('a' + rune(n))
				text[k] += fmt.Sprintf(" server %s %s cookie %s\n", name, addr, name)
			}
			actors[k] = append(actors[k], cast)
		}
	}
	theirs, ours := twoTexts(t, text[0], text[1])
	sides := [2]*side{theirs, ours}
	codes := [2][]string{make([]string, len(retryCases)), make([]string, len(retryCases))}
	var all sync.WaitGroup
	for i, c := range retryCases {
		for k, s := range sides {
			all.Go(func() { // ends with its requests
				for range c.requests {
					status, err := s.word(fmt.Sprintf("c%d", i), c.request)
					if err != nil {
						t.Error(err)
					}
					codes[k][i] += " " + status
				}
			})
		}
	}
	all.Wait()
	var lines [2]map[string]string
	for k, s := range sides {
		lines[k] = map[string]string{}
		for _, c := range retryCases {
			for range c.requests {
				section, line, _ := strings.Cut(s.logged(t), " ")
				lines[k][section] += "\n  log " + line
			}
		}
	}
	for i, c := range retryCases {
		t.Run(c.name, func(t *testing.T) {
			section := fmt.Sprintf("c%d", i)
			var told [2]string
			for k, s := range sides {
				told[k] = "\n  client" + codes[k][i] + lines[k][section]
				for n, a := range actors[k][i] {
					told[k] += fmt.Sprintf("\n  %c: %s", 'a'+n, a.seen())
				}
				q := &queued{side: s, be: section}
				columns := []string{"wretr", "wredis"}
				if strings.Contains(c.lines, "retry-on") {
					columns = columns[1:] // haproxy 2.6 counts one such retry twice
				}
				told[k] += fmt.Sprint("\n  ", columns, " of a, BACKEND: ", q.columns(t, "a", columns...), q.columns(t, "BACKEND", columns...))
			}
			if told[0] != told[1] {
				t.Errorf("%s; %s\nhaproxy%s\nbascule%s", c.lines, c.servers, told[0], told[1])
			}
		})
	}
}

// newRequests reads requests of a connection, bodies and all.
func newRequests(c net.Conn) func() (*http.Request, []byte, error) {
	in := bufio.NewReader(c)
	return func() (*http.Request, []byte, error) {
		r, err := http.ReadRequest(in)
		if err != nil {
			return nil, nil, err
		}
		body, err := io.ReadAll(r.Body)
		return r, body, err
	}
}
