package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of user and system time in /proc: USER_HZ is 100 on every
// Linux that Go runs on.
const tick = 10 * time.Millisecond

// procStat is what the bench reads of one process's /proc/PID/stat.
type procStat struct {
	pid, parent int
	cpu         time.Duration // user and system time of all its threads
}

// parseStat reads one line of /proc/PID/stat. The program's name stands in
// parentheses and may itself hold spaces and parentheses.
func parseStat(line string) (procStat, error) {
	open, shut := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || shut < open {
		return procStat{}, fmt.Errorf("stat line without a name: %q", line)
	}
	f := strings.Fields(line[shut+1:])
	if len(f) < 13 {
		return procStat{}, fmt.Errorf("stat line too short: %q", line)
	}
	var n [4]int
	for i, s := range []string{strings.TrimSpace(line[:open]), f[1], f[11], f[12]} {
		v, err := strconv.Atoi(s)
		if err != nil {
			return procStat{}, fmt.Errorf("stat line: %w", err)
		}
		n[i] = v
	}
	return procStat{pid: n[0], parent: n[1], cpu: time.Duration(n[2]+n[3]) * tick}, nil
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

// treeCPU returns the CPU time that process top and its descendants have used.
func treeCPU(top int) (time.Duration, error) {
	all, err := processes()
	if err != nil {
		return 0, err
	}
	found := below(all, top)
	if len(found) == 0 {
		return 0, fmt.Errorf("process %d is gone", top)
	}
	var sum time.Duration
	for _, p := range found {
		sum += p.cpu
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
