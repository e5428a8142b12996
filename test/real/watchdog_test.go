package real

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"
)

// TestAWorkerThatHangsIsReplaced: the master feeds the watchdog, and a worker whose
// loops do not turn gives way to another on the same sockets.
func TestAWorkerThatHangsIsReplaced(t *testing.T) {
	t.Parallel()
	site, dir := address()+":8000", runDir(t)
	notify := syslogSocket(t, dir+"/notify")
	cfg := config(t, plainConfig, "SITE", site, "SOCKET", dir+"/s", "NAME", "s1", "SERVER", names(t, "s1")[0])
	// In less time a worker that the machine has no time for would hang as well.
	m := start(t, "env", "NOTIFY_SOCKET="+dir+"/notify", "WATCHDOG_USEC=20000000", bascule, "-Ws", "-f", cfg)
	notify.line(t, "WATCHDOG=1")
	mustGet(t, "http://"+site+"/", 200)
	worker, err := strconv.Atoi(infoField(t, dir+"/s", "Pid"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(worker, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the worker", func() bool { return !running(worker) })
	mustGet(t, "http://"+site+"/", 200)
	serving(t, dir+"/s")
	if now := infoField(t, dir+"/s", "Pid"); now == strconv.Itoa(worker) {
		t.Errorf("worker %s still serves", now)
	}
	notify.line(t, fmt.Sprintf("worker (%d) exited with code 137", worker)) // in the unit's status
	m.signal(t, syscall.SIGTERM)
	if code := m.ended(t); code != 143 {
		t.Errorf("exit code %d, want 143", code)
	}
}
