package handover

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// pair makes both ends of a channel in this process.
func pair(t *testing.T) (a, b *Channel) {
	t.Helper()
	a, f, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	b, err = Open(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func TestMessagesKeepTheirBoundaries(t *testing.T) {
	a, b := pair(t)
	for i, text := range []string{"one", "two\nlines", strings.Repeat("x", 30000)} {
		if err := a.Send(Message{Op: "op", ID: i, Key: "k", OK: true, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range []string{"one", "two\nlines", strings.Repeat("x", 30000)} {
		m, err := b.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if m.Op != "op" || m.ID != i || m.Key != "k" || !m.OK || m.Text != text || len(m.Files) != 0 {
			t.Errorf("message %d arrives as %+v", i, m)
		}
	}
}

func TestALongTextIsCut(t *testing.T) {
	a, b := pair(t)
	if err := a.Send(Message{Op: "op", Text: strings.Repeat("x", 2*maxMessage)}); err != nil {
		t.Fatal(err)
	}
	m, err := b.Receive()
	if err != nil || len(m.Text) != maxMessage/2 {
		t.Errorf("%d bytes arrive, %v", len(m.Text), err)
	}
}

func TestDescriptorsArriveOpenAndInOrder(t *testing.T) {
	const n = 2*maxFDs + 7
	a, b := pair(t)
	dir := t.TempDir()
	var fds []int
	for range n {
		f, err := os.CreateTemp(dir, "f")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fds = append(fds, int(f.Fd()))
	}
	if err := a.Send(Message{Files: fds}); err == nil {
		t.Error("one message takes more descriptors than the kernel passes")
	}
	sent := make(chan error, 1)
	go func() { sent <- a.SendAll(Message{Op: "files", Files: fds}) }()
	var got []int
	for len(got) < n {
		m, err := b.Receive()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Files...)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	for i := range got {
		var want, have unix.Stat_t
		if err := unix.Fstat(fds[i], &want); err != nil {
			t.Fatal(err)
		}
		if err := unix.Fstat(got[i], &have); err != nil || have.Ino != want.Ino {
			t.Errorf("descriptor %d is another file: %v", i, err)
		}
		if flags, err := unix.FcntlInt(uintptr(got[i]), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d is inherited by children", i)
		}
	}
	CloseAll(got)
}

func TestTheEndOfTheOtherProcessIsSeen(t *testing.T) {
	a, b := pair(t)
	a.Close()
	if _, err := b.Receive(); !errors.Is(err, ErrClosed) {
		t.Errorf("Receive returns %v", err)
	}
}

func TestOpenRefusesWhatIsNoChannel(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := Open(fd); err == nil {
		c.Close()
		t.Error("it takes a file for a channel")
	}
}

// dup copies a descriptor, for those who close what they are given.
func dup(t *testing.T, fd int) int {
	t.Helper()
	n, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
