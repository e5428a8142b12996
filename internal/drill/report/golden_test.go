package report

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"bascule/internal/drill/traffic"
)

// whole is a drill of three faults behind two balancers: one passes and fails, one
// cannot run, one is skipped.
func whole() *Report {
	expect := Expect{Lost: Plain | Chats, Twice: Idempotent, P99: 100 * time.Millisecond, Detect: time.Second, Detects: true, Why: "a POST <without> a key is not sent again"}
	side := func(name string, lost, down int) Side {
		ev := story()
		ev.Down = time.Second + time.Duration(down)*time.Millisecond
		ev.Connected, ev.OnVictims, ev.Chat = 2, 1, Chat{Said: 20}
		ev.States = []State{{"a", "UP", 0}, {"b", "UP", 0}, {"a", "UP 1/3", 1200 * time.Millisecond}, {"a", "DOWN", ev.Down}, {"a", "UP", 4 * time.Second}}
		ev.Sockets = []SocketEvent{{At: 1010 * time.Millisecond, Code: 1012}, {At: 1050 * time.Millisecond, Opened: true, Server: "b"}}
		for n := range 500 {
			outcome, kind := traffic.OK, traffic.Kind(n)%traffic.Kinds
			due := time.Duration(n) * ten
			if n >= 100 && n < 100+lost {
				outcome = traffic.Lost
			}
			ev.request(kind, uint32(n), due, time.Duration(1+n%20)*time.Millisecond, outcome)
			if kind.Writes() && outcome == traffic.OK {
				ev.execution(n, due+time.Millisecond)
			}
		}
		r := Account("kill", "kill -9 of a server", ev, expect)
		r.Judge(expect, Limits{})
		return Side{name, []Result{r,
			{Name: "cut", Text: "the cable is cut", Verdict: NotRun, Failures: []string{"no namespaces here"}},
			{Name: "slow", Text: "a second longer", Verdict: Skipped}}}
	}
	r := &Report{Drill: "faults", Started: noon, Took: 42 * time.Second, Rate: 100, Mix: traffic.DefaultMix.String(), Sockets: 2, Seed: 1,
		Machine: "2 cores", Sides: []Side{side("bascule", 0, 400), side("haproxy", 9, 1500)}}
	r.Finish()
	return r
}

// TestGolden holds what people read against testdata/report.txtar; UPDATE=1 writes it.
func TestGolden(t *testing.T) {
	const name = "testdata/report.txtar"
	r := whole()
	var table bytes.Buffer
	if err := Table(&table, r); err != nil {
		t.Fatal(err)
	}
	page, err := Page(r)
	if err != nil {
		t.Fatal(err)
	}
	// The style is no figure; what stands in the page's body is.
	_, body, _ := strings.Cut(string(page), "<body>")
	got := &txtar.Archive{Files: []txtar.File{{Name: "table", Data: table.Bytes()}, {Name: "body", Data: []byte(strings.TrimSpace(body) + "\n")}}}
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(name, txtar.Format(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range got.Files {
		if i >= len(want.Files) || !bytes.Equal(file.Data, want.Files[i].Data) {
			t.Errorf("%s is not as in %s (UPDATE=1 writes it):\n%s", file.Name, name, file.Data)
		}
	}
}

func TestThePageNeedsNothingElse(t *testing.T) {
	page, err := Page(whole())
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"http:", "https:", "<script", "<link", "@import", "url(", "<without>", "ZgotmplZ"} {
		if bytes.Contains(page, []byte(bad)) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, want := range []string{"prefers-color-scheme: dark", "no namespaces here", "&lt;without&gt;", `<title>a DOWN from 1.40 s</title>`} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page has no %q", want)
		}
	}
}

func TestJSONCanBeReadBack(t *testing.T) {
	var b bytes.Buffer
	r := whole()
	if err := JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := JSON(&again, &back); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) || back.Passed {
		t.Errorf("read back: %v, passed %v", err, back.Passed)
	}
}
