package demo

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/terminal"
)

// openTerminal returns both sides of a new pseudo terminal.
func openTerminal(t *testing.T) (keyboard, tty *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return keyboard, tty
}

func resize(t *testing.T, tty *os.File, width, height uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height}); err != nil {
		t.Fatal(err)
	}
}

func settings(t *testing.T, tty *os.File) unix.Termios {
	t.Helper()
	now, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *now
}

func TestLiveViewObeysKeysAndLeavesTheTerminalAsItWas(t *testing.T) {
	keyboard, tty := openTerminal(t)
	resize(t, tty, 130, 40)
	before := settings(t, tty)
	cmd := exec.Command(os.Args[0], "demo", "--balancer", haproxy(t), "--inter", "200ms", "--http", "", "--https", "", "--stats", "")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.Env = append(os.Environ(), "TERM=xterm")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	var shown lockedBuffer
	read := make(chan struct{})
	// Ends when the keyboard's side is closed below.
	go func() {
		defer close(read)
		buffer := make([]byte, 4096)
		for {
			n, err := keyboard.Read(buffer)
			if err != nil {
				return
			}
			shown.Write(buffer[:n])
		}
	}()
	seen := 0 // what was shown before it is no answer
	await := func(what string) {
		t.Helper()
		limit := time.NewTimer(time.Minute)
		defer limit.Stop()
		poll := time.NewTicker(10 * time.Millisecond)
		defer poll.Stop()
		for !strings.Contains(shown.String()[seen:], what) {
			select {
			case <-poll.C:
			case <-limit.C:
				t.Fatalf("not shown within a minute: %q\n%s", what, shown.String()[seen:])
			}
		}
	}
	press := func(keys string) {
		t.Helper()
		seen = len(shown.String())
		if _, err := keyboard.WriteString(keys); err != nil {
			t.Fatal(err)
		}
	}

	await(terminal.EnterScreen)
	await("50\x1b[0m of 50 WebSockets")
	press("k")
	await("kill -9 backend-api-1")
	await("DOWN")
	press("s")
	await("start backend-api-1")
	await("backend-api-1 is UP (was DOWN)")
	press("\x1b[Bd")
	await("set server backend-api-2 state drain")
	press("r")
	await("set server backend-api-2 state ready")
	press("R")
	await("reload (USR2)")
	seen = len(shown.String())
	resize(t, tty, 60, 16)
	await("\x1b[2J")
	press("q")
	await(terminal.LeaveScreen)
	await("chat: 50 clients said")
	if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() != 1 { // HAProxy may lose some
		t.Errorf("the demo ended with %v", err)
	}
	if after := settings(t, tty); after != before {
		t.Errorf("the tty's settings are %+v, they were %+v", after, before)
	}
	tty.Close()
	keyboard.Close()
	<-read
}
