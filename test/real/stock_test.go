package real

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const (
	// stockConfig is what Debian's package installs.
	stockConfig = "/etc/haproxy/haproxy.cfg"
	// adminSocket is where it and the deployment have their runtime socket.
	adminSocket = "/run/haproxy/admin.sock"
)

// site stands beside the stock file, which has no frontend.
const site = `
listen site
    bind {ADDR}:8000
    http-request return status 200 content-type text/plain string "{WORD}"
`

// TestDebiansStockFile is not parallel: its socket is the deployment's as well.
func TestDebiansStockFile(t *testing.T) {
	t.Run("under a master the worker is confined and reloads", stockUnderMaster)
	t.Run("in the background without a master a reload says why it cannot", stockDaemon)
}

func stockUnderMaster(t *testing.T) {
	addr := address()
	extra := config(t, site, "ADDR", addr, "WORD", "one")
	journal := syslogSocket(t, "/dev/log")
	m := start(t, bascule, "-Ws", "-f", stockConfig, "-f", extra, "-p", "/run/stock.pid")
	serving(t, adminSocket)
	if pid, err := os.ReadFile("/run/stock.pid"); err != nil || strings.TrimSpace(string(pid)) != strconv.Itoa(m.pid()) {
		t.Errorf("-p wrote %q, %v; the master is %d: -Ws stays in the foreground although the file says daemon", pid, err, m.pid())
	}
	worker := infoField(t, adminSocket, "Pid")
	confined(t, worker, "/var/lib/haproxy", noCapability)
	if mode := socketMode(t); mode != 0o660 {
		t.Errorf("mode of the socket is %o, want 660", mode)
	}
	if r := mustGet(t, "http://"+addr+":8000/", 200); r.body != "one" {
		t.Errorf("body %q", r.body)
	}
	journal.line(t, "site site/")

	write(t, extra, strings.NewReplacer("{ADDR}", addr, "{WORD}", "two").Replace(site))
	if answer := mustAsk(t, adminSocket, "reload"); !strings.HasPrefix(answer, "Success=1\n") {
		t.Errorf("reload from inside the chroot answers %q", answer)
	}
	if r := mustGet(t, "http://"+addr+":8000/", 200); r.body != "two" {
		t.Errorf("after the reload the body is %q", r.body)
	}
	if again := infoField(t, adminSocket, "Pid"); again != worker {
		t.Errorf("the reload changed the worker from %s to %s", worker, again)
	}
	m.signal(t, syscall.SIGTERM)
	if code := m.ended(t); code != 143 {
		t.Errorf("exit code %d, want 143", code)
	}
}

func stockDaemon(t *testing.T) {
	number := daemon(t, "-f", stockConfig, "-p", "/run/stock.pid")
	worker := infoField(t, adminSocket, "Pid")
	if worker != strconv.Itoa(number) {
		t.Errorf("-p wrote %d, show info says %s", number, worker)
	}
	kept := bindOnly
	if raceEnabled {
		kept = noCapability // a program with C in it cannot keep one on all threads
	}
	confined(t, worker, "/var/lib/haproxy", kept)
	answer := mustAsk(t, adminSocket, "reload")
	if !strings.HasPrefix(answer, "Success=0\n") || !strings.Contains(answer, "chroot") || !strings.Contains(answer, "no master") {
		t.Errorf("reload answers %q; want why it cannot", answer)
	}
	if err := syscall.Kill(number, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the process in the background", func() bool { return !running(number) })
}

// daemon starts bascule with arguments that end with -p and a file, and that put
// it into the background; it ends with the test.
func daemon(t *testing.T, args ...string) (pid int) {
	t.Helper()
	file := args[len(args)-1]
	if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if pid, err := pidIn(file); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL) // unless it has ended
		}
	})
	if out, err := run(t, bascule, args...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pid, err := pidIn(file)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func pidIn(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// running reports whether a process that is no child of this one still runs.
func running(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, ok := strings.Cut(string(text), ") ")
	return err == nil && ok && !strings.HasPrefix(rest, "Z")
}

// What a worker may keep of root: nothing, or without a master the right to bind
// ports below 1024 at a reload.
const (
	noCapability = "0000000000000000"
	bindOnly     = "0000000000000400"
)

// confined checks what a process has given up: the user and group root, their
// capabilities and, with a root, the file system.
func confined(t *testing.T, pid, root, capabilities string) {
	t.Helper()
	uid, gid, err := haproxyUser()
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("\nUid:\t%d\t%d\t%d\t%d\n", uid, uid, uid, uid),
		fmt.Sprintf("\nGid:\t%d\t%d\t%d\t%d\n", gid, gid, gid, gid),
		"\nCapEff:\t" + capabilities + "\n",
		"\nCapPrm:\t" + capabilities + "\n",
	} {
		if !strings.Contains(string(status), want) {
			t.Errorf("status of the worker has no %q:\n%s", want, status)
		}
	}
	if got, err := os.Readlink(filepath.Join("/proc", pid, "root")); err != nil || got != root {
		t.Errorf("root of the worker is %q, %v; want %q", got, err, root)
	}
}

func socketMode(t *testing.T) os.FileMode {
	t.Helper()
	info, err := os.Stat(adminSocket)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}
