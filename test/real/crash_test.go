package real

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// statesConfig has servers whose states an operator or a check changes: nobody listens
// behind "dead".
const statesConfig = `
global
    stats socket {SOCKET} level admin
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend fe
    bind {SITE}
    http-request use-service prometheus-exporter if { path /metrics }
    default_backend be
backend be
    server s1 {S1}
    server s2 {S2}
    server s3 {S3}
    server dead {DEAD}:9 check inter 200ms fall 1 rise 1
`

// column is one of `show servers state` for each server of the backend.
func column(t *testing.T, socket string, n int) string {
	t.Helper()
	var list []string
	for line := range strings.Lines(mustAsk(t, socket, "show servers state be")) {
		if words := strings.Fields(line); len(words) > n && words[0] != "#" {
			list = append(list, words[n])
		}
	}
	return strings.Join(list, " ")
}

// The columns of `show servers state`.
const (
	opState, adminState, weightNow = 5, 6, 7
)

// TestTheNextWorkerGoesOn ends workers in the ways in which they end by themselves. What
// an operator has said and what checks have found is there again, and the master tells.
func TestTheNextWorkerGoesOn(t *testing.T) {
	t.Parallel()
	for _, shape := range []string{"-W", "-Ws"} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			site, dir := address()+":8000", runDir(t)
			socket, master := dir+"/s", dir+"/m"
			addrs := names(t, "s1", "s2", "s3")
			cfg := config(t, statesConfig, "SITE", site, "SOCKET", socket, "S1", addrs[0], "S2", addrs[1], "S3", addrs[2], "DEAD", address())
			m := start(t, bascule, shape, "-S", master, "-f", cfg)
			serving(t, socket)
			await(t, "the dead server is down", func() bool { return column(t, socket, opState) == "2 2 2 0" })
			for _, command := range []string{"set server be/s1 state drain", "set server be/s2 state maint", "set server be/s3 weight 7"} {
				if answer := strings.TrimSpace(mustAsk(t, socket, command)); answer != "" {
					t.Fatalf("%s: %s", command, answer)
				}
			}
			for round, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSEGV, syscall.SIGABRT} {
				crash(t, socket, signal)
				if got := mustGet(t, "http://"+site+"/", 200).body; got != "s3" {
					t.Errorf("after %s %q answered, and s3 alone may", signal, got)
				}
				for n, want := range map[int]string{opState: "2 0 2 0", adminState: "8 1 0 0", weightNow: "1 1 7 1"} {
					if got := column(t, socket, n); got != want {
						t.Errorf("after %s column %d of the states is %s, want %s", signal, n, got, want)
					}
				}
				if metrics := mustGet(t, "http://"+site+"/metrics", 200).body; !strings.Contains(metrics, fmt.Sprintf("\nbascule_worker_restarts_total %d\n", round+1)) {
					t.Errorf("after %s the metrics do not have %d restarts", signal, round+1)
				}
				if proc := mustAsk(t, master, "show proc"); !strings.Contains(proc, fmt.Sprintf("\n# Crashed workers: %d, the last ", round+1)) {
					t.Errorf("after %s show proc says\n%s", signal, proc)
				}
			}
			// Two that crashed soon after their start: a busy machine may have to go on.
			await(t, "a word of the master on its pause", func() bool {
				if strings.Contains(m.said(), "starting another on the same sockets in 100ms: 2 have crashed") {
					return true
				}
				crash(t, socket, syscall.SIGKILL)
				return false
			})
			if said := m.said(); !strings.Contains(said, "starting another on the same sockets\n") {
				t.Errorf("the master does not tell of the crashes:\n%s", said)
			}
		})
	}
}

// crash ends the worker, and waits for the next one.
func crash(t *testing.T, socket string, signal syscall.Signal) {
	t.Helper()
	old := infoField(t, socket, "Pid")
	pid, err := strconv.Atoi(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
	await(t, "the next worker on the runtime socket", func() bool {
		answer, err := ask(socket, "show info")
		return err == nil && strings.Contains(answer, "\nPid: ") && !strings.Contains(answer, "\nPid: "+old+"\n")
	})
}
