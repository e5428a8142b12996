package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of time in /proc/stat: USER_HZ is 100 on every
// Linux that Go runs on.
const tick = 10 * time.Millisecond

// procStat is what the bench reads of one process's /proc/PID/stat.
type procStat struct {
	pid, parent int
}

// parseStat reads one line of /proc/PID/stat. The program's name stands in
// parentheses and may itself hold spaces and parentheses.
func parseStat(line string) (procStat, error) {
	open, shut := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || shut < open {
		return procStat{}, fmt.Errorf("stat line without a name: %q", line)
	}
	f := strings.Fields(line[shut+1:])
	if len(f) < 2 {
		return procStat{}, fmt.Errorf("stat line too short: %q", line)
	}
	var n [2]int
	for i, s := range []string{strings.TrimSpace(line[:open]), f[1]} {
		v, err := strconv.Atoi(s)
		if err != nil {
			return procStat{}, fmt.Errorf("stat line: %w", err)
		}
		n[i] = v
	}
	return procStat{pid: n[0], parent: n[1]}, nil
}

// processes reads every process of the machine. Those that end meanwhile are left out.
func processes() ([]procStat, error) {
	dir, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var all []procStat
	for _, d := range dir {
		if _, err := strconv.Atoi(d.Name()); err != nil {
			continue
		}
		line, err := os.ReadFile("/proc/" + d.Name() + "/stat")
		if err != nil {
			continue
		}
		p, err := parseStat(string(line))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// below returns the process top and all that descend from it.
func below(all []procStat, top int) []procStat {
	in := map[int]bool{top: true}
	for grew := true; grew; {
		grew = false
		for _, p := range all {
			if in[p.parent] && !in[p.pid] {
				in[p.pid], grew = true, true
			}
		}
	}
	var found []procStat
	for _, p := range all {
		if in[p.pid] {
			found = append(found, p)
		}
	}
	return found
}

// family returns the ids of process top and all that descend from it now.
func family(top int) ([]int, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	var ids []int
	for _, p := range below(all, top) {
		ids = append(ids, p.pid)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("process %d is gone", top)
	}
	return ids, nil
}

// cpuOf returns the CPU time that the processes have used, in ns up to this moment: their
// clocks (clock_getcpuclockid(3)) count threads that run and threads that have ended,
// which /proc/PID/task/*/schedstat do not, and /proc/PID/stat counts in 10 ms.
func cpuOf(ids []int) (sum time.Duration, err error) {
	for _, pid := range ids {
		var t unix.Timespec
		// The kernel's CPUCLOCK_SCHED of a whole process.
		if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
			return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
		}
		sum += time.Duration(t.Nano())
	}
	return sum, nil
}

// treeRSS returns the resident memory of process top and its descendants in
// bytes. Pages that several of them share count in each.
func treeRSS(top int) (sum int64, err error) {
	all, err := processes()
	if err != nil {
		return 0, err
	}
	for _, p := range below(all, top) {
		// smaps_rollup counts exactly; statm is off by up to a batch per processor.
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.pid))
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "Rss:" {
				kib, err := strconv.ParseInt(f[1], 10, 64)
				if err != nil {
					return 0, fmt.Errorf("smaps_rollup: %w", err)
				}
				sum += kib << 10
			}
		}
	}
	if sum == 0 {
		return 0, fmt.Errorf("process %d is gone", top)
	}
	return sum, nil
}

// coreBusy returns the time that a core has spent on anything but idling.
func coreBusy(core int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseCoreBusy(string(text), core)
}

func parseCoreBusy(text string, core int) (time.Duration, error) {
	name := "cpu" + strconv.Itoa(core)
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 9 || f[0] != name {
			continue
		}
		var sum time.Duration
		for i, s := range f[1:9] {
			v, err := strconv.Atoi(s)
			if err != nil {
				return 0, fmt.Errorf("/proc/stat: %w", err)
			}
			if i != 3 && i != 4 { // idle, iowait
				sum += time.Duration(v) * tick
			}
		}
		return sum, nil
	}
	return 0, fmt.Errorf("/proc/stat has no line for core %d", core)
}
