package loop

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A tube is two connections of which one passes on what comes on the other,
// as a tunnel does.
type tube struct {
	from, to *Conn
	copied   int64 // bytes for which there was no pipe
	end      error
	closed   chan struct{}
}

// join makes a tube; in and out are its far ends.
func join(t *testing.T, l *Loop) (x *tube, in, out net.Conn) {
	t.Helper()
	x = &tube{closed: make(chan struct{})}
	pass := func(*Conn) {
		if x.to != nil {
			x.pass()
		}
	}
	from, in := pair(t, l, &handler{ready: pass})
	to, out := pair(t, l, &handler{ready: pass})
	on(l, func() {
		x.from, x.to = from, to
		x.pass()
	})
	return x, in, out
}

func (x *tube) pass() {
	for x.end == nil && x.to.Pending() == 0 && x.to.Err() == nil {
		n, ok := x.to.Splice(x.from, 1<<30)
		if n > 0 {
			continue
		}
		if ok && x.from.Readable() {
			return
		}
		p, err := x.from.Fill()
		_ = x.to.Send(p)
		x.copied += int64(len(p))
		x.from.Keep(nil)
		if x.end = err; err == nil && !x.from.Readable() {
			return
		}
	}
	if x.end != nil && !x.from.Closed() {
		x.from.Close()
		x.to.CloseAfterSend()
		close(x.closed)
	}
}

func noise(n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(p)
	return p
}

func TestSpliceLosesNothingAndStallsNever(t *testing.T) {
	want := noise(16 << 20)
	tests := map[string]struct {
		pipes, size  int
		write, read  int // bytes at once
		small        bool
		mustBeCopied bool
	}{
		"both sides fast":                {pipes: 4, write: len(want), read: 1 << 20},
		"a reader of small pieces":       {pipes: 4, write: len(want), read: 4 << 10, small: true},
		"a writer of small pieces":       {pipes: 4, write: 1000, read: 1 << 20},
		"a pipe of one page":             {pipes: 4, size: 4096, write: len(want), read: 64 << 10, small: true},
		"a large pipe":                   {pipes: 4, size: 1 << 20, write: 300 << 10, read: 50 << 10, small: true},
		"without pipes it is the copy's": {pipes: 0, write: len(want), read: 4 << 10, small: true, mustBeCopied: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := running(t)
			on(l, func() { l.SetPipes(tt.pipes, tt.size) })
			x, in, out := join(t, l)
			if tt.small {
				_ = out.(*net.TCPConn).SetReadBuffer(128 << 10)
				on(l, func() { _ = unix.SetsockoptInt(x.to.FD(), unix.SOL_SOCKET, unix.SO_SNDBUF, 128<<10) })
			}
			go func() { // ends when all is written, or the connection closed
				for p := want; len(p) > 0; {
					n := min(tt.write, len(p))
					if _, err := in.Write(p[:n]); err != nil {
						return
					}
					p = p[n:]
				}
				_ = in.(*net.TCPConn).CloseWrite()
			}()
			got := make([]byte, 0, len(want)+1)
			buf := make([]byte, tt.read)
			for {
				n, err := out.Read(buf)
				got = append(got, buf[:n]...)
				if err != nil {
					if !errors.Is(err, io.EOF) {
						t.Fatalf("after %d bytes: %v", len(got), err)
					}
					break
				}
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%d bytes came, other ones than the %d sent", len(got), len(want))
			}
			<-x.closed
			if !tt.mustBeCopied && x.copied > 0 {
				t.Errorf("%d bytes were copied", x.copied)
			}
		})
	}
}

func TestSpliceTakesNoMoreThanAskedAndLooksBehindIt(t *testing.T) {
	l := running(t)
	from, in := pair(t, l, &handler{})
	to, out := pair(t, l, &handler{})
	splice := func(most int64) (n int64) {
		on(l, func() { n, _ = to.Splice(from, most) })
		return n
	}
	_, _ = io.WriteString(in, "0123456789")
	total := int64(0)
	for total < 4 {
		total += splice(4 - total)
	}
	var readable bool
	on(l, func() { readable = from.Readable() })
	if !readable {
		t.Error("bytes are left, and nobody will be told of them again")
	}
	for total < 10 {
		total += splice(10 - total)
	}
	on(l, func() { readable = from.Readable() })
	if readable {
		t.Error("all has been taken, yet the connection does not look idle")
	}
	got := make([]byte, 10)
	if _, err := io.ReadFull(out, got); err != nil || string(got) != "0123456789" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSpliceTellsWhoFailed(t *testing.T) {
	l := running(t)
	x, in, out := join(t, l)
	_, _ = in.Write(noise(100 << 10))
	if _, err := io.ReadFull(out, make([]byte, 100<<10)); err != nil {
		t.Fatal(err)
	}
	_ = in.(*net.TCPConn).SetLinger(0)
	_ = in.Close()
	<-x.closed
	on(l, func() {
		if !errors.Is(x.end, unix.ECONNRESET) || !x.from.Failed() || x.to.Failed() {
			t.Errorf("the source ended with %v; failed: source %v, other side %v", x.end, x.from.Failed(), x.to.Failed())
		}
	})
}

func TestPipesAreReusedBoundedAndClosed(t *testing.T) {
	before := pipesOpen(t)
	l := running(t)
	on(l, func() { l.SetPipes(2, 0) })
	var tubes []*tube
	for range 4 { // nobody reads: each holds what it has
		x, in, _ := join(t, l)
		go func() { _, _ = in.Write(noise(8 << 20)) }() // ends when the test closes its connections
		tubes = append(tubes, x)
	}
	for {
		var held, open int
		on(l, func() {
			open = l.pipes.open
			for _, x := range tubes {
				if x.to.Pending() > 0 {
					held++
				}
			}
		})
		if open > 2 {
			t.Fatalf("%d pipes are open, 2 are allowed", open)
		}
		if held == len(tubes) {
			break
		}
	}
	on(l, func() {
		for _, x := range tubes {
			x.from.Close()
			x.to.Close()
		}
		if l.pipes.open != 0 {
			t.Errorf("%d pipes with bytes in them outlive their connections", l.pipes.open)
		}
	})
	if n := pipesOpen(t); n != before {
		t.Errorf("%d pipes are open, %d were", n, before)
	}
}

// pipesOpen counts this process's descriptors of pipes.
func pipesOpen(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && len(to) > 5 && to[:5] == "pipe:" {
			n++
		}
	}
	return n
}
