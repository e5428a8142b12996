package drill

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// watchEvery is how often counters and processes are looked at.
const watchEvery = 200 * time.Millisecond

// upOnly are the columns of `show stat` that can only grow: totals, and maxima since
// the start.
var upOnly = []string{
	"stot", "bin", "bout", "dreq", "dresp", "ereq", "econ", "eresp", "wretr", "wredis", "chkfail", "chkdown",
	"downtime", "lbtot", "hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other", "req_tot",
	"cli_abrt", "srv_abrt", "dcon", "dses", "wrew", "connect", "reuse", "intercepted", "conn_tot",
	"smax", "qmax", "rate_max", "req_rate_max", "conn_rate_max",
}

// watch follows the balancer's counters and processes.
type watch struct {
	lab *Lab
	pid int // of the balancer's first process

	mu      sync.Mutex     // also so that answers are compared in the order of the questions
	last    map[string]Row // guarded by mu, as all below; by proxy and server
	samples int
	values  int
	fell    int      // values that were lower than before
	back    []string // some of them
	workers map[int]bool
	errors  []string // why a sample failed
	most    int64    // bytes of memory, of all processes
}

func newWatch(lab *Lab) *watch {
	lab.mu.Lock()
	defer lab.mu.Unlock()
	return &watch{lab: lab, pid: lab.balancer.cmd.Process.Pid, workers: map[int]bool{}}
}

// run samples until ctx ends.
func (w *watch) run(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.sample()
		}
	}
}

// sample looks once. A row that has gone, and came back later, begins anew.
func (w *watch) sample() {
	w.mu.Lock()
	defer w.mu.Unlock()
	ctx := context.Background() // the socket's own limit is enough
	rows, err := w.lab.Runtime.Stat(ctx)
	if err == nil {
		w.compare(rows)
		err = w.count(ctx)
	}
	if err != nil && len(w.errors) < maxExamples {
		w.errors = append(w.errors, err.Error())
	}
}

func (w *watch) compare(rows []Row) {
	w.samples++
	now := map[string]Row{}
	for _, row := range rows {
		key := row["pxname"] + "/" + row["svname"]
		now[key] = row
		before, ok := w.last[key]
		if !ok {
			continue
		}
		for _, column := range upOnly {
			w.values++
			if row.Int(column) < before.Int(column) {
				w.fell++
				if len(w.back) < maxExamples {
					w.back = append(w.back, fmt.Sprintf("%s %s went from %s to %s", key, column, before[column], row[column]))
				}
			}
		}
	}
	w.last = now
}

// count notes the processes that do the work: those below the first one, and the one
// that answers.
func (w *watch) count(ctx context.Context) error {
	info, err := w.lab.Runtime.Do(ctx, "show info")
	if err != nil {
		return err
	}
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, "Pid: "); ok {
			if pid, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
				w.workers[pid] = true
			}
		}
	}
	for _, pid := range children(w.pid) {
		w.workers[pid] = true
	}
	w.most = max(w.most, w.memory())
	return nil
}

// memory is what the balancer's processes have in memory, in bytes; what several share
// counts once (Pss of proc_pid_smaps(5)).
func (w *watch) memory() (bytes int64) {
	for _, pid := range append(children(w.pid), w.pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue // it has ended
		}
		for line := range strings.Lines(string(text)) {
			if words := strings.Fields(line); len(words) > 1 && words[0] == "Pss:" {
				n, _ := strconv.ParseInt(words[1], 10, 64) // a kernel's own number
				bytes += n << 10
			}
		}
	}
	return bytes
}

// cpu is the time that the balancer's processes have run.
func (w *watch) cpu() (sum time.Duration) {
	for _, pid := range append(children(w.pid), w.pid) {
		sum += cpuOf(pid)
	}
	return sum
}

// children returns the processes that a process has started and that still run.
func children(pid int) []int {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil
	}
	var pids []int
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// WatchReport is what a watch has seen.
type WatchReport struct {
	// Workers are the numbers of all processes that have done the work.
	Workers []int `json:"workers"`
	// Samples of all rows were taken and Compared values compared with the ones before.
	// Back of them were lower, such as those in Examples.
	Samples  int      `json:"samples"`
	Compared int      `json:"values_compared"`
	Back     int      `json:"went_back"`
	Examples []string `json:"examples,omitempty"`
	// Errors are why the balancer did not answer.
	Errors []string `json:"errors,omitempty"`
}

func (w *watch) report() WatchReport {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := WatchReport{Samples: w.samples, Compared: w.values, Back: w.fell,
		Examples: slices.Clone(w.back), Errors: slices.Clone(w.errors)}
	for pid := range w.workers {
		r.Workers = append(r.Workers, pid)
	}
	slices.Sort(r.Workers)
	return r
}

// turn is the longest turn of a loop so far.
func (r *reloading) turn(ctx context.Context) time.Duration {
	if !r.lab.Own() {
		return 0
	}
	activity, err := activityOf(ctx, r.lab.Runtime)
	if err != nil {
		r.fail(err.Error())
	}
	return activity.maxCPU
}

// on counts the open ones on a server.
func (r *reloading) on(server string) (n int) {
	for _, chat := range r.chats() {
		if status := chat.Status(); status.Connected && status.Server == server {
			n++
		}
	}
	return n
}

// sockets counts the open ones, and those of them on removed servers.
func (r *reloading) sockets() (open, draining int) {
	for _, chat := range r.chats() {
		if status := chat.Status(); status.Connected {
			open++
			if _, ok := r.want[status.Server]; !ok {
				draining++
			}
		}
	}
	return open, draining
}
