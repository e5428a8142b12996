// Command differential sends the same generated traffic to bascule and to a
// running HAProxy and compares what clients got, what servers received and what
// was logged. Each exchange comes from the seed and its number alone, so that
// one that differs can be played again.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"sync"
	"time"
)

func main() {
	seed := flag.Uint64("seed", 1, "what the traffic is made from")
	from := flag.Int("from", 0, "number of the first exchange")
	count := flag.Int("count", 2000, "exchanges to play")
	limit := flag.Duration("for", 0, "play until this time has passed, whatever the count")
	late := flag.Duration("late", 600*time.Millisecond, "when a client that stands still is late; a busy machine needs more")
	most := flag.Int("most", 20, "stop after so many exchanges that differ")
	quiet := flag.Bool("quiet", false, "do not print known differences")
	flag.Parse()
	bascule := os.Getenv("BASCULE")
	if bascule == "" {
		bascule = "bin/bascule"
	}
	r, err := run(bascule, *seed, *from, *count, *limit, *late, *most)
	if err != nil {
		fmt.Fprintln(os.Stderr, "differential:", err)
		os.Exit(1)
	}
	r.print(*quiet)
	if len(r.bad) > 0 {
		os.Exit(1)
	}
}

// A report is what a run came to.
type report struct {
	seed      uint64
	exchanges int
	requests  int
	known     map[string]int
	bad       []string
}

// run plays exchanges on both proxies, one after the other. A client that sends nothing
// for so long is late.
func run(bascule string, seed uint64, from, count int, limit, late time.Duration, most int) (*report, error) {
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		return nil, err
	}
	ours, err := start("bascule", bascule, late)
	if err != nil {
		return nil, err
	}
	defer ours.stop()
	theirs, err := start("haproxy", haproxy, late)
	if err != nil {
		return nil, err
	}
	defer theirs.stop()
	r := &report{seed: seed, known: map[string]int{}}
	began := time.Now()
	for n := from; (limit > 0 && time.Since(began) < limit || limit == 0 && n < from+count) && len(r.bad) < most; n++ {
		if err := r.exchange(generate(seed, n), ours, theirs); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// exchange plays one on both and notes the differences.
func (r *report) exchange(e exchange, ours, theirs *side) error {
	var a, b seen
	var errA, errB error
	var wg sync.WaitGroup
	wg.Go(func() { a, errA = ours.play(e) })
	b, errB = theirs.play(e)
	wg.Wait()
	if err := errors.Join(errA, errB); err != nil {
		return fmt.Errorf("exchange %d of seed %d: %w\n%s", e.number, r.seed, err, ours.said())
	}
	r.exchanges++
	r.requests += len(e.requests)
	told := false
	for _, d := range compare(e, a, b) {
		for _, why := range d.known {
			r.known[why]++
		}
		if len(d.known) > 0 {
			continue
		}
		if !told {
			told = true
			r.bad = append(r.bad, "")
		}
		r.bad[len(r.bad)-1] += "  " + d.String() + "\n"
	}
	if told {
		text := fmt.Sprintf("exchange %d of seed %d (pipelined: %v)\n", e.number, r.seed, e.pipeline)
		for _, q := range e.requests {
			text += fmt.Sprintf("  sent (%s) %.600q + %d bytes\n", q.odd, q.head, len(q.body))
		}
		r.bad[len(r.bad)-1] = text + r.bad[len(r.bad)-1]
	}
	return nil
}

func (r *report) print(quiet bool) {
	for _, b := range r.bad {
		fmt.Println(b)
	}
	if !quiet {
		names := make([]string, 0, len(r.known))
		for name := range r.known {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			fmt.Printf("known %6d × %s\n", r.known[name], name)
		}
	}
	fmt.Printf("seed %d: %d exchanges, %d requests, %d exchanges differ\n", r.seed, r.exchanges, r.requests, len(r.bad))
}
