package check

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bascule/internal/backend"
)

// rhythm is a backend whose three intervals are far apart, so that a busy
// machine does not make one look like another.
const rhythm = "backend be\n option httpchk\n timeout check 10s\n server s 127.0.0.1:%d check inter 1s fastinter 50 downinter 4s\n"

// rhythmScript is what its checks are answered.
const rhythmScript = "ok ok bad ok ok bad bad bad bad ok bad ok ok ok"

// A drummer answers checks by a script and notes between which of the
// intervals they come.
type drummer struct {
	mu    sync.Mutex
	words []string
	last  time.Time
	heard []string
	done  chan struct{}
}

func newDrummer(t *testing.T) (*drummer, int) {
	d := &drummer{words: strings.Fields(rhythmScript), done: make(chan struct{})}
	return d, listen(t, d.serve)
}

func (d *drummer) serve(c net.Conn) {
	if n, err := c.Read(make([]byte, 4096)); n == 0 || err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.words) == 0 {
		return
	}
	if !d.last.IsZero() {
		word := "downinter"
		switch gap := time.Since(d.last); {
		case gap < 500*time.Millisecond:
			word = "fastinter"
		case gap < 2500*time.Millisecond:
			word = "inter"
		}
		d.heard = append(d.heard, word)
	}
	d.last = time.Now()
	fmt.Fprint(c, httpReply(d.words[0]))
	if d.words = d.words[1:]; len(d.words) == 0 {
		close(d.done)
	}
}

func (d *drummer) wait(t *testing.T) string {
	select {
	case <-d.done:
	case <-time.After(patience):
		t.Fatal("the script was not played to its end")
	}
	return strings.Join(d.heard, " ")
}

// TestChecksComeInHAProxysRhythm: the same of the three intervals before each
// check. A machine that stalls is given another try, as long as it takes.
func TestChecksComeInHAProxysRhythm(t *testing.T) {
	t.Parallel()
	for until := time.Now().Add(3 * patience); ; {
		theirs, port := newDrummer(t)
		startOracle(t, fmt.Sprintf(rhythm, port))
		ours, port := newDrummer(t)
		live(t, parse(t, fmt.Sprintf(rhythm, port))...)
		want, got := theirs.wait(t), ours.wait(t)
		if got == want {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("%s\n     got %s\nHAProxy: %s", rhythmScript, got, want)
		}
	}
}

// TestAServerStartsSlowlyAsHAProxysDo compares the weights that a server has
// one after the other while it starts. Who looks may miss one on a machine that
// stalls: then both start once more.
func TestAServerStartsSlowlyAsHAProxysDo(t *testing.T) {
	t.Parallel()
	const text = "backend be\n option httpchk\n timeout check 10s\n balance roundrobin\n server s 127.0.0.1:%d check inter 100 fall 1 rise 1 weight 16 slowstart 4s\n"
	script := func() func(net.Conn) {
		first := true
		var mu sync.Mutex
		return func(c net.Conn) {
			mu.Lock()
			defer mu.Unlock()
			c.Read(make([]byte, 4096))
			word := "ok"
			if first {
				word, first = "bad", false
			}
			fmt.Fprint(c, httpReply(word))
		}
	}
	for until := time.Now().Add(3 * patience); ; {
		o := startOracle(t, fmt.Sprintf(text, listen(t, script())))
		b := live(t, parse(t, fmt.Sprintf(text, listen(t, script())))...)[0]
		theirs := make(chan string, 1)
		go func() { // ends with its steps
			defer close(theirs)
			theirs <- steps(t, o.throttled)
		}()
		got := steps(t, func() string { return throttled(b.Server("s")) })
		want := <-theirs
		if got == want {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("got %s\nHAProxy: %s", got, want)
		}
	}
}

// throttled is what HAProxy shows of a starting server.
func (o *oracle) throttled() string {
	rows, err := o.servers()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s weight %s throttle %s", rows["be"]["status"], rows["be"]["weight"], rows["be"]["throttle"])
}

func throttled(s *backend.Server) string {
	st := s.State()
	part := ""
	if percent, starting := st.Throttle(); starting {
		part = fmt.Sprint(percent)
	}
	return fmt.Sprintf("%s weight %d throttle %s", s.Status(), st.Weight(), part)
}

// steps are the different views of a starting server, until it is up wholly.
func steps(t *testing.T, look func() string) string {
	var seen []string
	for until := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		now := look()
		if len(seen) == 0 || seen[len(seen)-1] != now {
			seen = append(seen, now)
			if starting := slices.IndexFunc(seen, isStarting); starting >= 0 && !isStarting(now) {
				return strings.Join(seen[starting:], "; ")
			}
		}
		if time.Now().After(until) {
			t.Errorf("not up after %v: %v", patience, seen)
			return ""
		}
	}
}

func isStarting(view string) bool { return !strings.HasSuffix(view, "throttle ") }

// requests are lines whose requests both must send alike.
var requests = []string{
	"option httpchk",
	"option httpchk /health",
	"option httpchk HEAD /health HTTP/1.1",
	"option httpchk\nhttp-check send meth GET uri /a?b=c ver HTTP/1.1 hdr Host www.example hdr X-A 1",
	"option httpchk GET /x\nhttp-check send hdr X-A 1 hdr Connection keep-alive ver HTTP/1.1",
	"option httpchk GET /x HTTP/1.1\nhttp-check send body hello",
	"option httpchk\nhttp-check send meth POST body-lf %[be_name] hdr Content-Length 3 hdr Transfer-Encoding chunked",
	"option httpchk\nhttp-check set-var(check.n) int(7)\nhttp-check send meth GET uri-lf /%[var(check.n)]/%[srv_name] hdr X-B %[be_name]",
	"option httpchk\nhttp-check connect\nhttp-check send meth GET uri /1\nhttp-check expect status 200\nhttp-check connect linger\nhttp-check send uri /2\nhttp-check expect status 200",
	"http-check send meth PUT uri /first ver HTTP/1.1 hdr X-A 1\noption httpchk GET /option",
	"option httpchk GET / HTTP/1.1\\r\\nX-Old:\\ 1\nhttp-check send hdr X-New 1",
	"option httpchk GET / HTTP/1.1\\r\\nX-Old:\\ 1",
	"option httpchk\nhttp-check send-state",
}

// TestServersReceiveWhatHAProxySends compares the requests of checks.
func TestServersReceiveWhatHAProxySends(t *testing.T) {
	t.Parallel()
	var theirText, ourText strings.Builder
	theirs, ours := make([]*recorder, len(requests)), make([]*recorder, len(requests))
	for i, lines := range requests {
		theirs[i], ours[i] = &recorder{}, &recorder{}
		for _, side := range []struct {
			to  *strings.Builder
			rec *recorder
		}{{&theirText, theirs[i]}, {&ourText, ours[i]}} {
			fmt.Fprintf(side.to, "backend b%d\n %s\n server s 127.0.0.1:%d check inter 1s weight 5\n server t 127.0.0.1:1\n",
				i, strings.ReplaceAll(lines, "\n", "\n "), listen(t, side.rec.serve))
		}
	}
	startOracle(t, theirText.String(), " node here\n")
	cfg := parse(t, ourText.String())
	liveWith(t, Env{Settings: Settings{Node: "here"}}, nil, cfg...)
	for i, lines := range requests {
		want, got := theirs[i].first(t, strings.Count(lines, "connect")), ours[i].first(t, strings.Count(lines, "connect"))
		if got != want {
			t.Errorf("%s\n     got %q\nHAProxy: %q", lines, got, want)
		}
	}
}

// A recorder keeps the requests that it answers.
type recorder struct {
	mu   sync.Mutex
	list []string
}

func (r *recorder) serve(c net.Conn) {
	var raw strings.Builder
	req, err := http.ReadRequest(bufio.NewReader(io.TeeReader(c, &raw)))
	if err != nil {
		return
	}
	io.Copy(io.Discard, req.Body)
	r.mu.Lock()
	r.list = append(r.list, raw.String())
	r.mu.Unlock()
	io.WriteString(c, hello)
}

// first are the first n requests, ports left out.
func (r *recorder) first(t *testing.T, n int) string {
	n = max(n, 1)
	for until := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		if len(r.list) >= n {
			defer r.mu.Unlock()
			return ports.ReplaceAllString(strings.Join(r.list[:n], ""), "port=N")
		}
		r.mu.Unlock()
		if time.Now().After(until) {
			t.Fatalf("%d requests came, not %d", len(r.list), n)
		}
	}
}
