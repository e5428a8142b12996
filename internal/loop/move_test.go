package loop

import (
	"io"
	"log/slog"
	"testing"

	"golang.org/x/sys/unix"
)

func sockets(t *testing.T) [2]int {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fds[1]) })
	return fds
}

// ended says whether the other end of a socket was closed.
func ended(fd int) bool {
	n, err := unix.Read(fd, make([]byte, 1))
	return n == 0 && err == nil
}

func idleLoop(t *testing.T, index int) *Loop {
	t.Helper()
	l, err := New(index, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWhatCameWhileAConnectionMovedIsSeen(t *testing.T) {
	for name, meanwhile := range map[string]func(fd int){
		"nothing": func(int) {},
		"bytes":   func(fd int) { _, _ = unix.Write(fd, []byte("x")) },
		"the end": func(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) },
	} {
		t.Run(name, func(t *testing.T) {
			from, to := idleLoop(t, 0), idleLoop(t, 1)
			fds := sockets(t)
			c, err := from.Adopt(fds[0], nil)
			if err != nil {
				t.Fatal(err)
			}
			idle, arrived := false, false
			if !c.Move(to, func(fd int) {
				arrived = true
				k, err := to.Adopt(fd, nil)
				if err != nil {
					t.Fatal(err)
				}
				idle = k.Peek()
			}) {
				t.Fatal("an idle connection was not moved")
			}
			if from.Stats.Conns.Load() != 0 || !c.Closed() {
				t.Error("the first loop still has the connection")
			}
			meanwhile(fds[1])
			to.readMail()
			if want := name == "nothing"; !arrived || idle != want {
				t.Errorf("arrived %v, idle %v; want idle %v", arrived, idle, want)
			}
			from.close()
			if ended(fds[1]) {
				t.Error("the end of the first loop closed the connection")
			}
			to.close()
			if name == "nothing" && !ended(fds[1]) {
				t.Error("the end of the second loop left the connection open")
			}
		})
	}
}

func TestAConnectionInMailThatNobodyReadsIsClosed(t *testing.T) {
	for name, endFirst := range map[string]bool{"the loop had ended": true, "the loop ends before it reads": false} {
		t.Run(name, func(t *testing.T) {
			from, to := idleLoop(t, 0), idleLoop(t, 1)
			fds := sockets(t)
			c, err := from.Adopt(fds[0], nil)
			if err != nil {
				t.Fatal(err)
			}
			if endFirst {
				to.close()
			}
			if !c.Move(to, func(int) { t.Error("it arrived") }) {
				t.Fatal("an idle connection was not moved")
			}
			if !endFirst {
				to.close()
			}
			if !ended(fds[1]) {
				t.Error("the socket was left open")
			}
			from.close()
		})
	}
}

func TestAConnectionWithSomethingLeftIsNotMoved(t *testing.T) {
	from, to := idleLoop(t, 0), idleLoop(t, 1)
	fds := sockets(t)
	c, err := from.Adopt(fds[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Keep([]byte("kept"))
	if c.Move(to, func(int) { t.Error("it arrived") }) || !c.Closed() || !ended(fds[1]) {
		t.Error("a connection with kept input was moved, or left open")
	}
	from.close()
	to.close()
}
