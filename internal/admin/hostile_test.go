package admin

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose clients are in this process.
type pipes struct {
	waiting chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func newPipes() *pipes { return &pipes{waiting: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.waiting:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

// dial is nil when the listener is closed.
func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	select {
	case p.waiting <- theirs:
		return ours
	case <-p.closed:
		return nil
	}
}

// megabyte is a command.
var megabyte = []byte("show " + strings.Repeat("x", 1<<20) + "\n")

// abusers are what clients do that mean no good; an error of their connection is
// what they have to expect.
var abusers = []func(c net.Conn){
	func(c net.Conn) { // a command of a megabyte
		_, _ = c.Write(megabyte)
	},
	func(c net.Conn) { // a payload that does not end, of a command that takes one
		_, err := io.WriteString(c, "show payload <<\n")
		for line := append(megabyte[:16000:16000], '\n'); err == nil; {
			_, err = c.Write(line)
		}
	},
	func(c net.Conn) { // an answer that nobody reads
		_, _ = io.WriteString(c, "prompt;show "+strings.Repeat("z", 8000)+"\n")
		_, _ = c.Write(make([]byte, 1<<10)) // waits until the session is over
	},
	func(c net.Conn) { // silence
		_, _ = c.Read(make([]byte, 1))
	},
}

func TestAHundredAbusersDoNotKeepAnOperatorOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := NewServer(commands(), 10*time.Second, quiet()), newPipes()
		var serving, clients sync.WaitGroup
		serving.Go(func() { s.Serve(l, "test", Admin) }) // until Close
		for i := range 100 {
			clients.Go(func() { // until the listener is closed
				for {
					c := l.dial()
					if c == nil {
						return
					}
					abusers[i%len(abusers)](c)
					c.Close()
				}
			})
		}
		time.Sleep(time.Second)
		for range 2 {
			begun := time.Now()
			c := l.dial()
			go func() { _, _ = io.WriteString(c, "show stat\n") }() // ends with the session
			if answer, err := io.ReadAll(c); err != nil || string(answer) != "[\"stat\"]\n\n" {
				t.Errorf("an operator gets %q, %v", answer, err)
			}
			if held := s.held.Load(); held > maxPayloads+maxSessions*maxLine || held < 0 {
				t.Errorf("%d bytes of payloads are held", held)
			}
			if waited := time.Since(begun); waited > time.Minute {
				t.Errorf("an operator waits %v", waited)
			}
		}
		s.Close()
		serving.Wait()
		clients.Wait()
		synctest.Wait() // sessions have given their places back
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.held.Load() != 0 || s.taken != 0 {
			t.Errorf("left over: %d bytes, %d sessions", s.held.Load(), s.taken)
		}
	})
}

func TestAReaderWhoStopsHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(commands(), 10*time.Second, quiet())
		stuck, theirs := net.Pipe()
		go s.Session(theirs, Admin, "none") // ends with the session
		if _, err := io.WriteString(stuck, "show "+strings.Repeat("z", 8000)+"\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it waits to write
		begun := time.Now()
		c, theirs := net.Pipe()
		go s.Session(theirs, Admin, "none")                // ends with the session
		go func() { _, _ = io.WriteString(c, "show\n") }() // likewise
		if answer, err := io.ReadAll(c); err != nil || string(answer) != "[]\n\n" || time.Since(begun) > time.Second {
			t.Errorf("another session gets %q, %v after %v", answer, err, time.Since(begun))
		}
		if _, err := stuck.Write([]byte("show\n")); err == nil {
			t.Error("who does not read for as long as a session may be silent is served on")
		}
		s.Close()
	})
}

func TestCommandsLeaveTheProcessorToTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		work := 10 * time.Millisecond
		s := NewServer([]Command{{Words: "work", Run: func(*Call) { time.Sleep(work) }}}, 0, quiet())
		const sessions = 8
		begun := time.Now()
		var all sync.WaitGroup
		for range sessions {
			ours, theirs := net.Pipe()
			go s.Session(theirs, Admin, "none") // ends with the session
			all.Go(func() {
				_, _ = io.WriteString(ours, "work\n")
				_, _ = io.Copy(io.Discard, ours)
			})
		}
		all.Wait()
		if took, want := time.Since(begun), sessions*work+(sessions-1)*restShare*work; took != want {
			t.Errorf("%d commands of %v took %v, want %v: one at a time, with rests", sessions, work, took, want)
		}
		s.Close()
	})
}
