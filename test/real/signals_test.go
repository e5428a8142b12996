package real

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// plainConfig is a site with one server and a runtime socket.
const plainConfig = `
global
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
    server {NAME} {SERVER}
`

// TestAKilledWorkerLosesNobody: the master holds the sockets, so that who
// connects while there is no worker waits in the backlog and is served.
func TestAKilledWorkerLosesNobody(t *testing.T) {
	t.Parallel()
	site, socket := address()+":8000", runDir(t)+"/s"
	cfg := config(t, plainConfig, "SITE", site, "SOCKET", socket, "NAME", "s1", "SERVER", names(t, "s1")[0])
	m := start(t, bascule, "-W", "-f", cfg)
	serving(t, socket)
	for round := range 3 {
		worker, err := strconv.Atoi(infoField(t, socket, "Pid"))
		if err != nil {
			t.Fatal(err)
		}
		if worker == m.pid() {
			t.Fatal("under -W the master serves itself")
		}
		if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		var waiting []*persistent
		for range 20 {
			waiting = append(waiting, dial(t, site))
		}
		for i, c := range waiting {
			if got, err := c.tryGet("/"); err != nil || got != "s1" {
				t.Errorf("round %d, client %d, which connected after the death: %q, %v", round, i, got, err)
			}
		}
		await(t, "the next worker on the runtime socket", func() bool {
			answer, err := ask(socket, "show info")
			return err == nil && strings.Contains(answer, "\nPid: ") && !strings.Contains(answer, fmt.Sprintf("\nPid: %d\n", worker))
		})
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", m.pid())); err != nil {
		t.Errorf("the master is gone: %v", err)
	}
}

// TestEveryShapeReloadsByUSR2 sends it to who has the pid that is known: a
// master, or a process that is both.
func TestEveryShapeReloadsByUSR2(t *testing.T) {
	t.Parallel()
	for _, shape := range []struct {
		name string
		args []string
	}{
		{"the master of -W", []string{"-W"}},
		{"the master of -Ws", []string{"-Ws"}},
		{"a process without a master", nil},
	} {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			site, socket := address()+":8000", runDir(t)+"/s"
			all := []string{"s1", "s2", "s3"}
			srv := names(t, all...)
			cfg := config(t, plainConfig, "SITE", site, "SOCKET", socket, "NAME", "s1", "SERVER", srv[0])
			p := start(t, bascule, append(shape.args, "-f", cfg)...)
			serving(t, socket)
			worker := workerOf(t, socket)
			kept := dial(t, site)
			if got := kept.get(t, "/"); got != "s1" {
				t.Errorf("before: %q", got)
			}
			// The worker, which asks its master if it has one, and then the master.
			for i, pid := range []int{worker, p.pid()} {
				name := all[i+1]
				write(t, cfg, strings.NewReplacer("{SITE}", site, "{SOCKET}", socket, "{NAME}", name, "{SERVER}", srv[i+1]).Replace(plainConfig))
				if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
					t.Fatal(err)
				}
				await(t, "the new server", func() bool {
					r, err := get("http://" + site + "/")
					return err == nil && r.body == name
				})
				if got := kept.get(t, "/"); got != name {
					t.Errorf("a connection from before: %q, want %q", got, name)
				}
			}
			if again := workerOf(t, socket); again != worker {
				t.Errorf("the worker was %d and is %d", worker, again)
			}
		})
	}
}

func workerOf(t *testing.T, socket string) int {
	t.Helper()
	pid, err := strconv.Atoi(infoField(t, socket, "Pid"))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// TestEndsAndExitCodes is what a supervisor sees.
func TestEndsAndExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		sig  syscall.Signal
		want int
	}{
		{nil, syscall.SIGTERM, 143},
		{nil, syscall.SIGINT, 130},
		{nil, syscall.SIGUSR1, 0},
		{[]string{"-db"}, syscall.SIGTERM, 143},
		{[]string{"-W"}, syscall.SIGTERM, 0},
		{[]string{"-W"}, syscall.SIGUSR1, 0},
		{[]string{"-Ws"}, syscall.SIGTERM, 143},
		{[]string{"-Ws"}, syscall.SIGINT, 130},
		{[]string{"-Ws"}, syscall.SIGUSR1, 0},
	} {
		t.Run(fmt.Sprintf("%v %v", c.args, c.sig), func(t *testing.T) {
			t.Parallel()
			site, socket := address()+":8000", runDir(t)+"/s"
			cfg := config(t, plainConfig, "SITE", site, "SOCKET", socket, "NAME", "s1", "SERVER", address()+":1")
			p := start(t, bascule, slices.Concat(c.args, []string{"-f", cfg})...)
			serving(t, socket)
			p.signal(t, c.sig)
			if got := p.ended(t); got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
			if conn, err := net.Dial("tcp", site); err == nil {
				conn.Close()
				t.Error("somebody still listens")
			}
		})
	}
}

// TestInTheBackground is -D with -p, with and without a master.
func TestInTheBackground(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-D"}, {"-D", "-W"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			site, dir := address()+":8000", runDir(t)
			cfg := config(t, plainConfig, "SITE", site, "SOCKET", dir+"/s", "NAME", "s1", "SERVER", names(t, "s1")[0])
			pid := daemon(t, append(args, "-f", cfg, "-p", dir+"/pid")...)
			// When the command has returned, the site is served.
			mustGet(t, "http://"+site+"/", 200)
			worker := workerOf(t, dir+"/s")
			if len(args) == 1 && worker != pid {
				t.Errorf("the pidfile says %d, show info %d", pid, worker)
			}
			if len(args) == 2 && worker == pid {
				t.Errorf("the pidfile has the worker %d, not its master", pid)
			}
			sid, err := unix.Getsid(pid)
			if err != nil || sid != pid {
				t.Errorf("session %d of process %d, %v; want its own", sid, pid, err)
			}
			for fd := range 3 {
				if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", worker, fd)); err != nil || to != "/dev/null" {
					t.Errorf("descriptor %d is %q, %v; want /dev/null", fd, to, err)
				}
			}
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			await(t, "the end of both", func() bool { return !running(pid) && !running(worker) })
		})
	}
}

// TestSystemdIsTold: READY=1 is the first datagram and comes when the site is
// served; a reload is announced and ended.
func TestSystemdIsTold(t *testing.T) {
	t.Parallel()
	site, dir := address()+":8000", runDir(t)
	notify := syslogSocket(t, dir+"/notify")
	cfg := config(t, plainConfig, "SITE", site, "SOCKET", dir+"/s", "NAME", "s1", "SERVER", names(t, "s1")[0])
	m := start(t, "env", "NOTIFY_SOCKET="+dir+"/notify", bascule, "-Ws", "-f", cfg)
	notify.line(t, "READY=1")
	mustGet(t, "http://"+site+"/", 200)
	if first := notify.all()[0]; !strings.Contains(first, "READY=1") {
		t.Errorf("the first datagram is %q", first)
	}
	// HUP is what Type=notify-reload sends.
	for _, how := range []syscall.Signal{syscall.SIGUSR2, syscall.SIGHUP} {
		m.signal(t, how)
		notify.line(t, "RELOADING=1\nMONOTONIC_USEC=")
		await(t, "READY=1 after RELOADING=1", func() bool {
			all := strings.Join(notify.all(), "\n")
			return strings.LastIndex(all, "READY=1") > strings.LastIndex(all, "RELOADING=1")
		})
	}
	notify.line(t, "STATUS=Serving, worker ")
	notify.line(t, "; reloads: 2 done, 0 refused")
	m.signal(t, syscall.SIGTERM)
	if code := m.ended(t); code != 143 {
		t.Errorf("exit code %d, want 143", code)
	}
	notify.line(t, "STOPPING=1")
	if all := strings.Join(notify.all(), "\n"); strings.Contains(all, "WATCHDOG=1") {
		t.Errorf("the watchdog was fed, nobody asked:\n%s", all)
	}
}
