package check

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"bascule/internal/backend"
)

// script is what a server answers to its checks, one word a check. A word after
// a colon is an order of the operator, given while the check waits.
const script = "ok bad bad ok bad 404 ok bad bad bad bad ok bad ok:drain ok ok:ready ok bad:drain bad bad bad ok:ready ok ok " +
	"404 bad ok 404 bad bad bad 404 ok ok:weight ok"

// sequence is the backend that both run.
const sequence = "backend be\n option httpchk\n http-check disable-on-404\n timeout check 10s\n server s 127.0.0.1:%d check inter 250\n"

// A scripted server plays the script and notes, at each check, the state that
// the checks before it have led to.
type scripted struct {
	mu    sync.Mutex
	words []string
	seen  []string
	done  chan struct{} // closed at the end of the script

	look  func() string
	order func(word string)
}

func (s *scripted) serve(c net.Conn) {
	if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.words) == 0 {
		return
	}
	s.seen = append(s.seen, s.look())
	word, order, _ := strings.Cut(s.words[0], ":")
	if order != "" {
		s.order(order)
	}
	code := map[string]int{"ok": 200, "bad": 500, "404": 404}[word]
	fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n", code)
	if s.words = s.words[1:]; len(s.words) == 0 {
		close(s.done)
	}
}

func newScripted(t *testing.T) (*scripted, int) {
	s := &scripted{words: strings.Fields(script), done: make(chan struct{})}
	return s, listen(t, s.serve)
}

func (s *scripted) wait(t *testing.T) []string {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatalf("%d words left", len(s.words))
	}
	return s.seen
}

func TestASequenceOfChecksLeadsWhereHAProxysDoes(t *testing.T) {
	t.Parallel()
	theirs, port := newScripted(t)
	var o *oracle
	ready := make(chan struct{}) // closed when o is set
	theirs.look = func() string {
		<-ready
		rows, err := o.servers()
		if err != nil {
			return err.Error()
		}
		r := rows["be"]
		return fmt.Sprintf("%s health %s fails %s downs %s weight %s", r["status"], r["check_health"], r["chkfail"], r["chkdown"], r["weight"])
	}
	theirs.order = func(word string) {
		if word == "weight" {
			o.ask("set weight be/s 7")
			return
		}
		o.ask("set server be/s state " + word)
	}
	o = startOracle(t, fmt.Sprintf(sequence, port))
	close(ready)

	ours, port := newScripted(t)
	p := parse(t, fmt.Sprintf(sequence, port))[0]
	var b *backend.Backend
	begun := make(chan struct{}) // closed when b is set
	ours.look = func() string {
		<-begun
		st := b.Server("s").State()
		return fmt.Sprintf("%s health %d fails %d downs %d weight %d", st.Status(), st.Health, st.FailedChecks, st.Downs, st.Weight())
	}
	ours.order = func(word string) {
		var e backend.Event = backend.SetWeight{Srv: b.Server("s"), Text: "7"}
		switch word {
		case "drain":
			e = backend.SetState{Srv: b.Server("s"), Order: backend.Drain}
		case "ready":
			e = backend.SetState{Srv: b.Server("s"), Order: backend.Ready}
		}
		ask(t, b, e)
	}
	b = live(t, p)[0]
	close(begun)

	want, got := theirs.wait(t), ours.wait(t)
	words := strings.Fields(script)
	for i := range words {
		if got[i] != want[i] {
			t.Errorf("before check %d (after %q): got %s, HAProxy says %s", i+1, strings.Join(words[:i], " "), got[i], want[i])
		}
	}
}
