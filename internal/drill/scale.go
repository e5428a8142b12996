package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ScaleOptions say how large the file of a scale drill is, and what it may cost.
type ScaleOptions struct {
	Balancer string // path; empty: this program
	Backends int
	Servers  int // of each backend
	Reloads  int
	Rate     int // requests per second meanwhile
	Limit    time.Duration
	MaxTurn  time.Duration // of a loop's thread, in CPU time
	Master   bool          // -W
}

// ScaleReload is one reload that changes one server.
type ScaleReload struct {
	Number int           `json:"number"`
	Change string        `json:"change"`
	Took   time.Duration `json:"took_ns"`
	CPU    time.Duration `json:"cpu_ns"` // of the worker in that time, its traffic and checks included
	Busy   float64       `json:"busy"`   // of the machine, 0 to 1
}

// ScaleReport is the outcome of a scale drill. Memory is resident, in bytes.
type ScaleReport struct {
	Passed   bool          `json:"passed"`
	Servers  int           `json:"servers"`
	Bytes    int           `json:"file_bytes"`
	Started  time.Duration `json:"started_ns"` // until the first reply
	Before   int64         `json:"memory_before"`
	After    int64         `json:"memory_after"`
	Reloads  []ScaleReload `json:"reloads"`
	P50      time.Duration `json:"reload_p50_ns"`
	Max      time.Duration `json:"reload_max_ns"`
	Turns    int64         `json:"turns"`
	Over     int64         `json:"turns_over"` // those of more CPU time than 4 ms
	MaxCPU   time.Duration `json:"turn_max_cpu_ns"`
	MaxTurn  time.Duration `json:"turn_max_ns"`
	Requests int64         `json:"requests"`
	Lost     int           `json:"lost"`
	P99      time.Duration `json:"p99_ns"`
	Failures []string      `json:"failures,omitempty"`
}

func (r *ScaleReport) fail(format string, args ...any) {
	r.Failures = append(r.Failures, fmt.Sprintf(format, args...))
}

// scaleFirst is how long all servers have to pass their first check.
const scaleFirst = time.Minute

// Scale starts a balancer with many servers and reloads it while requests go on; each
// reload changes the weight of one server. show is told each.
func Scale(ctx context.Context, l *scaleLab, show func(ScaleReload)) (r ScaleReport, err error) {
	opt := l.opt
	r.Servers, r.Bytes, r.Started = opt.Backends*opt.Servers, len(l.text()), l.started
	if err := l.allUp(ctx); err != nil {
		return r, err
	}
	users := startOthers("http://"+l.site, nil, opt.Rate)
	finish := func() {
		users.finish()
		r.Requests, r.Lost, r.P99 = users.times.n, users.lost, users.times.quantile(0.99)
		if users.lost > 0 {
			r.fail("%d requests were lost, the first: %v", users.lost, users.first)
		}
	}
	if err = l.runtime.Set(ctx, "clear counters"); err == nil {
		r.Before, err = l.rss()
	}
	if err == nil {
		err = l.reloads(ctx, &r, show)
	}
	finish()
	if err == nil {
		err = l.figures(ctx, &r)
	}
	if err == nil {
		err = l.allUp(ctx)
	}
	r.judge(&opt)
	return r, err
}

// reloads makes them, half a second apart.
func (l *scaleLab) reloads(ctx context.Context, r *ScaleReport, show func(ScaleReload)) error {
	var times latency
	for n := range l.opt.Reloads {
		if err := sleep(ctx, between); err != nil {
			return err
		}
		one, err := l.reload(ctx, n)
		if err != nil {
			return err
		}
		times.add(one.Took)
		r.Reloads = append(r.Reloads, one)
		show(one)
	}
	r.P50, r.Max = times.quantile(0.5), times.max
	return sleep(ctx, between)
}

// reload gives one server another weight.
func (l *scaleLab) reload(ctx context.Context, n int) (r ScaleReload, err error) {
	at := [2]int{rand.IntN(l.opt.Backends), rand.IntN(l.opt.Servers)}
	weight := lowestWeight + n%weights
	l.weight[at] = weight
	name := fmt.Sprintf("pool-%d/s%d", at[0], at[1]+1)
	r.Number, r.Change = n+1, fmt.Sprintf("%s gets weight %d", name, weight)
	if err := l.write(); err != nil {
		return r, err
	}
	before, machine, begun := l.cpu(), startBusy(), time.Now()
	answer, err := l.runtime.Do(ctx, "reload")
	r.Took, r.CPU, r.Busy = time.Since(begun), l.cpu()-before, machine.share()
	if err == nil && !strings.HasPrefix(answer, "Success=1") {
		err = errors.New(answer)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", r.Change, err)
	}
	want := fmt.Sprintf("%d (initial %d)", weight, weight)
	if answer, err = l.runtime.Do(ctx, "get weight "+name); err == nil && answer != want {
		err = fmt.Errorf("%s: the balancer says %q after the reload", r.Change, answer)
	}
	return r, err
}

// figures are those of the loops since the start of the traffic, and the memory.
func (l *scaleLab) figures(ctx context.Context, r *ScaleReport) (err error) {
	if r.After, err = l.rss(); err != nil {
		return err
	}
	a, err := activityOf(ctx, l.runtime)
	r.Turns, r.Over, r.MaxTurn, r.MaxCPU = a.turns, a.over, a.maxTurn, a.maxCPU
	return err
}

// activity is what the loops have done since the counters were cleared.
type activity struct {
	turns, over     int64         // over: of more CPU time than overTurn
	maxTurn, maxCPU time.Duration // the longest by the clock and of CPU time
}

// activityOf asks a balancer of this project.
func activityOf(ctx context.Context, runtime Runtime) (r activity, err error) {
	answer, err := runtime.Do(ctx, "show activity")
	if err != nil {
		return r, err
	}
	has := false
	for line := range strings.Lines(answer) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), ": ")
		first, _, _ := strings.Cut(rest, " ")
		n, _ := strconv.ParseInt(first, 10, 64) // dates and such are of no interest
		switch {
		case name == "loops":
			r.turns = n
		case name == "max_loop_us":
			r.maxTurn = time.Duration(n) * time.Microsecond
		case name == "max_loop_cpu_us":
			r.maxCPU, has = time.Duration(n)*time.Microsecond, true
		case strings.HasPrefix(name, "turns_cpu_"):
			bound, _ := strconv.Atoi(strings.Trim(name[len("turns_cpu_xx"):], "_us"))
			if bound > overTurn || strings.Contains(name, "_ge_") {
				r.over += n
			}
		}
	}
	if !has {
		return r, errors.New("show activity: no max_loop_cpu_us")
	}
	return r, nil
}

// overTurn is the bound of the histogram, in µs, above which turns are counted: the
// last one below 5 ms.
const overTurn = 4194

// judge holds the figures against what they may be.
func (r *ScaleReport) judge(opt *ScaleOptions) {
	if r.Max > opt.Limit {
		r.fail("a reload took %s, more than %s", milliseconds(r.Max), milliseconds(opt.Limit))
	}
	if r.MaxCPU > opt.MaxTurn {
		r.fail("a turn of a loop took %s of its thread's CPU time, more than %s", milliseconds(r.MaxCPU), milliseconds(opt.MaxTurn))
	}
	r.Passed = len(r.Failures) == 0 && len(r.Reloads) == opt.Reloads
}

func (l *scaleLab) cpu() time.Duration { return cpuOf(l.pid) }

// cpuOf is the time that all threads of a process have run (proc(5), schedstat).
func cpuOf(pid int) (sum time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid)) // the pattern is good
	for _, name := range files {
		text, _ := os.ReadFile(name) // of a thread that has ended meanwhile: nothing
		first, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseInt(first, 10, 64)
		sum += time.Duration(n)
	}
	return sum
}

func (l *scaleLab) rss() (int64, error) { return residentOf(l.pid) }
