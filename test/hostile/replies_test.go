package hostile

import (
	"slices"
	"strings"
	"testing"
)

// An answer is what a server says to the first request of a connection, and
// what the client is told. The second request is answered as it should be.
type answer struct {
	name    string
	say     string
	shut    bool   // the server ends its connection behind it
	ask     string // the request; "": a GET
	want    string // the replies and the log lines, as probe gives them
	haproxy string
	why     string
}

// lied is a reply that was not passed on, and a client that may go on.
const lied = "502, 200 | 502 PH--, 200 ----"

// told is a reply that was passed on whole.
func told(reply string) string {
	status, _, _ := strings.Cut(reply, " ")
	return reply + ", 200 | " + status + " ----, 200 ----"
}

// ended is a reply that was passed on whole, and the last of its connection.
func ended(reply string) string {
	status, _, _ := strings.Cut(reply, " ")
	return reply + " | " + status + " ----"
}

// cut is a reply that had begun when its framing broke.
func cut(reply string) string {
	status, _, _ := strings.Cut(reply, " ")
	return reply + " cut | " + status + " PD--"
}

// broken is a reply that had begun when the server left.
func broken(reply string) string {
	status, _, _ := strings.Cut(reply, " ")
	return reply + " cut | " + status + " SD--"
}

func ok(lines ...string) string {
	return bare(append([]string{"HTTP/1.1 200 OK"}, lines...)...)
}

func TestReplies(t *testing.T) {
	t.Parallel()
	checkAnswers(t, startSite(t, bascule), startSite(t, haproxy(t)), answers, 40)
}

func checkAnswers(t *testing.T, ours, theirs *site, tables [][]answer, least int) {
	n := 0
	names := map[string]bool{}
	t.Run("rows", func(t *testing.T) {
		for _, table := range tables {
			for _, a := range table {
				n++
				if names[a.name] {
					t.Errorf("%q stands twice in the table", a.name)
				}
				names[a.name] = true
				t.Run(a.name, func(t *testing.T) {
					t.Parallel()
					checkAnswer(t, ours, theirs, a)
				})
			}
		}
	})
	if n < least {
		t.Errorf("the table has %d rows, want at least %d", n, least)
	}
	if late := ours.late(); late > 0 {
		t.Errorf("%d requests reached the servers after their row had ended", late)
	}
}

func checkAnswer(t *testing.T, ours, theirs *site, a answer) {
	if got := ours.provoke(t, a, a.want); got != a.want {
		t.Errorf("%s, alone:\n got %q\nwant %q", a.name, got, a.want)
	}
	want := a.haproxy
	if want == "" {
		want = a.want
	}
	if (a.haproxy == "") != (a.why == "") || a.haproxy == a.want {
		t.Errorf("a difference needs another outcome and a reason")
	}
	if got := theirs.provoke(t, a, want); !slices.Contains(strings.Split(want, " or "), got) {
		t.Errorf("%s, haproxy:\n got %q\nwant %q", a.name, got, want)
	}
}

// provoke lets the server of a lane say a's reply.
func (s *site) provoke(t *testing.T, a answer, want string) string {
	t.Helper()
	l := <-s.lanes
	defer func() { s.lanes <- l }()
	l.server.expect(a.say, a.shut)
	ask := a.ask
	if ask == "" {
		ask = get()
	}
	got := s.exchange(t, l, ask+next, alone, want)
	replies, rest, _ := strings.Cut(got, " | ")
	logged, _, _ := strings.Cut(rest, " | ")
	return replies + " | " + logged
}
