package real

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestRoundRobinIsExactOverAllLoops: connections are spread over the loops, and
// the order of the servers is one all the same.
func TestRoundRobinIsExactOverAllLoops(t *testing.T) {
	t.Parallel()
	const threads, requests = 4, 40
	srv := names(t, "s1", "s2")
	site, socket := address()+":8000", runDir(t)+"/s"
	start(t, bascule, "-f", config(t, `
global
    nbthread 4
    stats socket {SOCKET} level admin
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend fe
    bind {SITE}
    default_backend be
backend be
    balance roundrobin
    server s1 {S1}
    server s2 {S2}
`, "SOCKET", socket, "SITE", site, "S1", srv[0], "S2", srv[1]))
	serving(t, socket)
	if n := infoField(t, socket, "Nbthread"); n != strconv.Itoa(threads) {
		t.Errorf("Nbthread %s, want %d", n, threads)
	}

	for i := range requests {
		if got, want := dial(t, site).get(t, "/"), fmt.Sprintf("s%d", i%2+1); got != want {
			t.Fatalf("request %d was answered by %s, want %s", i+1, got, want)
		}
	}
	if perLoop := epolls(t, infoField(t, socket, "Pid"), site); len(perLoop) != threads {
		t.Errorf("%d open connections are spread as %v, want %d loops", requests, perLoop, threads)
	}

	// curl, as somebody tries it.
	out := shell(t, "for i in $(seq 10); do curl -s http://"+site+"/; done")
	if want := strings.Repeat("s1s2", 5); out != want {
		t.Errorf("ten times curl: %s, want %s", out, want)
	}
	for _, name := range []string{"be/s1", "be/s2"} {
		await(t, fmt.Sprintf("%d requests of %s", (requests+10)/2, name), func() bool { return stat(t, socket)[name]["stot"] == strconv.Itoa((requests+10)/2) })
	}
}

// epolls counts a process's connections that came in at the address, by the
// epoll descriptor that watches them: each loop has one.
func epolls(t *testing.T, pid, addr string) map[string]int {
	t.Helper()
	clients := established(t, addr)
	dir := filepath.Join("/proc", pid)
	fds, err := os.ReadDir(dir + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	client, loops := map[string]bool{}, []string{}
	for _, fd := range fds {
		switch to, _ := os.Readlink(dir + "/fd/" + fd.Name()); {
		case clients[to]:
			client[fd.Name()] = true
		case to == "anon_inode:[eventpoll]":
			loops = append(loops, fd.Name())
		}
	}
	count := map[string]int{}
	for _, fd := range loops {
		info, err := os.ReadFile(dir + "/fdinfo/" + fd)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(info)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "tfd:" && client[f[1]] {
				count[fd]++
			}
		}
	}
	return count
}

// established gives the sockets with connections to ip:port, as links in /proc
// name them.
func established(t *testing.T, addr string) map[string]bool {
	t.Helper()
	ap := netip.MustParseAddrPort(addr)
	ip := ap.Addr().As4()
	local := fmt.Sprintf("%02X%02X%02X%02X:%04X", ip[3], ip[2], ip[1], ip[0], ap.Port())
	table, err := os.ReadFile("/proc/thread-self/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	sockets := map[string]bool{}
	for line := range strings.Lines(string(table)) {
		const estab = "01"
		if f := strings.Fields(line); len(f) > 9 && f[1] == local && f[3] == estab {
			sockets["socket:["+f[9]+"]"] = true
		}
	}
	return sockets
}
