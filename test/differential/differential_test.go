package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	// What the binary is built from: without this import the test would count
	// as unchanged when only the product changed.
	_ "bascule/internal/cli"
)

// seeds of the short run; each plays shortRun exchanges, in partsOfRun that run at once.
var seeds = []uint64{1, 20261122}

const shortRun, partsOfRun = 300, 5

// patient is late enough for a client that the machine has no time for.
const patient = 4 * time.Second

// TestGeneratedTrafficMeetsTheSameAsWithHAProxy is the short run of the harness.
func TestGeneratedTrafficMeetsTheSameAsWithHAProxy(t *testing.T) {
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin") // where Debian keeps haproxy
	bascule := filepath.Join(t.TempDir(), "bascule")
	if out, err := exec.Command("go", "build", "-o", bascule, "bascule/cmd/bascule").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	type part struct {
		seed   uint64
		from   int
		report *report
		err    error
	}
	var parts []*part
	var wg sync.WaitGroup
	for _, seed := range seeds { // all at once: they mostly wait
		for from := 0; from < shortRun; from += shortRun / partsOfRun {
			p := &part{seed: seed, from: from}
			parts = append(parts, p)
			wg.Go(func() { p.report, p.err = run(bascule, p.seed, p.from, shortRun/partsOfRun, 0, patient, 10) })
		}
	}
	wg.Wait()
	for _, p := range parts {
		if p.err != nil {
			t.Fatal(p.err)
		}
		r := p.report
		if r.exchanges != shortRun/partsOfRun && len(r.bad) == 0 {
			t.Errorf("%d of %d exchanges were played", r.exchanges, shortRun/partsOfRun)
		}
		for _, b := range r.bad {
			t.Errorf("%s", b)
		}
		t.Logf("seed %d from %d: %d exchanges, %d requests", p.seed, p.from, r.exchanges, r.requests)
	}
}

// A harness that cannot fail proves nothing.
func TestADifferenceIsSeen(t *testing.T) {
	e := generate(1, 3)
	for len(e.requests) != 1 || e.requests[0].odd != "" {
		e = generate(1, e.number+1)
	}
	id := e.requests[0].id
	same := seen{
		replies: []string{"HTTP/1.1 200 OK\ncontent-length: 5\nx-srv: s1\n[5 aaaaaaaa] "},
		servers: []string{"s1: GET / HTTP/1.1\nhost: a\nx-id: " + id + "\n"},
		log:     []string{"fe plain/s1 200 - - ---- {" + id + "|a} {}"},
	}
	if d := compare(e, same, same); len(d) != 0 {
		t.Errorf("the same differs: %v", d)
	}
	for name, change := range map[string]func(*seen){
		"a status":               func(s *seen) { s.replies[0] = strings.Replace(s.replies[0], "200", "201", 1) },
		"a field":                func(s *seen) { s.replies[0] = strings.Replace(s.replies[0], "x-srv: s1", "x-srv: s2", 1) },
		"a body":                 func(s *seen) { s.replies[0] = strings.Replace(s.replies[0], "aaaa", "aaab", 1) },
		"a reply that is cut":    func(s *seen) { s.replies[0] += " cut" },
		"a missing reply":        func(s *seen) { s.replies = nil },
		"a field for the server": func(s *seen) { s.servers[0] += "x-more: 1\n" },
		"a second request":       func(s *seen) { s.servers = append(s.servers, s.servers[0]) },
		"a log line":             func(s *seen) { s.log[0] = strings.Replace(s.log[0], "----", "SD--", 1) },
	} {
		other := seen{replies: append([]string{}, same.replies...), servers: append([]string{}, same.servers...), log: append([]string{}, same.log...)}
		change(&other)
		d := compare(e, other, same)
		if len(d) == 0 || len(d[0].known) > 0 {
			t.Errorf("%s is not seen as a difference: %v", name, d)
		}
	}
}
