package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// takenDown waits until nothing of a run is left on the machine, and names what is left
// after goneLimit: the kernel takes killed processes away in its own time.
func takenDown(group string) error {
	for deadline := time.Now().Add(goneLimit); ; time.Sleep(poll) {
		for _, dir := range groupDirs(read("/proc/self/mountinfo"), group) {
			dropGroup(dir) // of a run that was killed
		}
		left := leftOf(group)
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("left behind: %s", strings.Join(left, "; "))
		}
	}
}

// leftOf names the processes, cgroups, mounts and network links of a run.
func leftOf(group string) (left []string) {
	processes, _ := filepath.Glob("/proc/[0-9]*/cgroup")
	for _, file := range processes {
		if strings.Contains(read(file), "/"+group) {
			left = append(left, "process "+filepath.Base(filepath.Dir(file))+" "+strings.TrimSpace(read(filepath.Dir(file)+"/comm")))
		}
	}
	mounts := read("/proc/self/mountinfo")
	for _, dir := range groupDirs(mounts, group) {
		if _, err := os.Stat(dir); err == nil {
			left = append(left, "cgroup "+dir)
		}
	}
	if strings.Contains(mounts, " "+runDir) {
		left = append(left, "mounts at "+runDir)
	}
	links, _ := net.Interfaces()
	for _, link := range links {
		for _, h := range plan {
			if link.Name == "vb-"+h.short {
				left = append(left, "network link "+link.Name)
			}
		}
	}
	return left
}

// groupDirs is where a cgroup is to be seen: mountinfo's fifth word is a place, and the
// first behind the " - " the kind of what is mounted there.
func groupDirs(mountinfo, group string) (dirs []string) {
	for line := range strings.Lines(mountinfo) {
		at, kind, ok := strings.Cut(line, " - ")
		if words := strings.Fields(at); ok && len(words) > 4 && strings.HasPrefix(kind, "cgroup2 ") {
			dirs = append(dirs, filepath.Join(words[4], group))
		}
	}
	return dirs
}
