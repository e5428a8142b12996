package cli

import (
	"fmt"
	"os"
	"strings"
)

// listening are the paths of the unix sockets that a process listens on, as
// the kernel tells (proc(5)): they can be asked even when its configuration
// cannot be read any more.
func listening(pid int) []string {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	open := map[string]bool{}
	for _, e := range entries {
		if link, err := os.Readlink(dir + "/" + e.Name()); err == nil {
			if inode, ok := strings.CutPrefix(link, "socket:["); ok {
				open[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/unix", pid))
	if err != nil {
		return nil
	}
	var paths []string
	for _, line := range strings.Split(string(table), "\n") {
		// Num RefCount Protocol Flags Type St Inode Path
		f := strings.Fields(line)
		if len(f) == 8 && open[f[6]] && f[3] == acceptsConnections {
			paths = append(paths, boundAt(f[7]))
		}
	}
	return paths
}

// acceptsConnections is the flag of listening sockets in /proc/net/unix.
const acceptsConnections = "00010000"

// boundAt is where a socket is reached: bascule binds beside the path and
// renames, and the kernel goes on telling the first name.
func boundAt(path string) string {
	name, ok := strings.CutSuffix(path, ".tmp")
	if !ok {
		return path
	}
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[:i]
	}
	return path
}
