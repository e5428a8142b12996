// Package loop moves bytes: one epoll loop per thread with its connections,
// timers, buffers and mailbox. It knows no HTTP.
//
// Everything of a loop belongs to its thread; the one way in from outside is
// Post. Sockets are registered once, edge-triggered; the stored readable and
// writable flags are the truth, not the event. There is no allocation and no
// epoll_ctl in the steady state.
package loop

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// scratchSize is the most that one read takes: 64 KiB made 16 KiB bodies
	// 20 % cheaper than 16 KiB did, and larger gained nothing.
	scratchSize = 64 << 10
	// eventsPerTurn bounds a turn, so that timers and mail are never far.
	eventsPerTurn = 256
	// idleTurn is how long a loop without timers sleeps, in milliseconds.
	idleTurn = 1000
)

// A Handler is told what happened to its connection. Its methods run on the loop.
type Handler interface {
	// Ready says that c may be read, written, has ended or has failed.
	// Bytes that waited to be sent have been sent.
	Ready(c *Conn)
	// Expired says that the deadline of c passed.
	Expired(c *Conn)
	// Broken says that handling c panicked; c is closed after it.
	Broken(c *Conn)
}

// A Loop is one thread's event loop.
type Loop struct {
	index   int
	epfd    int
	wakefd  int
	log     *slog.Logger
	bySlot  []*Conn    // by descriptor
	sides   []*tlsSide // by descriptor, of connections with TLS
	sealed  []byte     // records that one Send makes
	opened  []byte     // records as one read has them; nil before the first TLS
	joined  []byte     // what shall be one record
	nextGen uint32
	timers  timers
	ready   []*Conn // connections that have more to do than one turn allows
	spared  []spared
	spare   []*Conn
	now     int64 // nanoseconds, monotonic, read once per turn
	wall    time.Time
	scratch []byte
	kept    int // most input that a connection keeps
	bufs    buffers
	kepts   []*kept // free ones
	pipes   pipes
	events  [eventsPerTurn]unix.EpollEvent

	mu        sync.Mutex
	mail      []letter // guarded by mu
	mailSince int64    // when the first of mail came; guarded by mu
	ended     bool     // guarded by mu
	awake     atomic.Bool
	stop      bool
	done      chan struct{}
	rang      func()    // tells of mail where there is no wakefd, see ByHand
	born      time.Time // where its clock begins, see ByHand
	Stats     Stats
	counts    counts
	panics    atomic.Int64
}

// Stats is what a loop knows of itself; read from anywhere.
type Stats struct {
	Conns            atomic.Int64
	BusyNanos        atomic.Int64 // time spent outside the wait
	Pipes, FreePipes atomic.Int64 // open ones, and those of them that nobody uses

	mu    sync.Mutex // guards the field below
	facts Facts      // as published last
}

var epoch = time.Now()

// New makes a loop. index counts loops from 0.
func New(index int, log *slog.Logger) (*Loop, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("loop %d: epoll: %w", index, err)
	}
	wakefd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epfd)
		return nil, fmt.Errorf("loop %d: eventfd: %w", index, err)
	}
	l := &Loop{index: index, epfd: epfd, wakefd: wakefd, log: log, scratch: make([]byte, scratchSize), kept: maxKept, done: make(chan struct{})}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(wakefd)}
	if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, wakefd, &ev); err != nil {
		unix.Close(epfd)
		unix.Close(wakefd)
		return nil, fmt.Errorf("loop %d: eventfd: %w", index, err)
	}
	l.SetPipes(DefaultPipes, 0)
	l.tick()
	return l, nil
}

// Index counts the loops of the process from 0.
func (l *Loop) Index() int { return l.index }

// Now is the time of this turn in nanoseconds since an arbitrary instant.
func (l *Loop) Now() int64 { return l.now }

// Wall is the time of this turn.
func (l *Loop) Wall() time.Time { return l.wall }

// Done is closed at the end of Run: mail that was not read by then is dropped.
func (l *Loop) Done() <-chan struct{} { return l.done }

// Post runs f on the loop in a later turn. Any goroutine may call it. Mail
// posted after the end of Run is dropped.
func (l *Loop) Post(f func()) { l.post(letter{f: f, fd: -1}) }

// A letter is mail, with a socket in it where fd is not negative.
type letter struct {
	f  func()
	fd int
}

// lose drops mail that nobody reads any more.
func (m *letter) lose() {
	if m.fd >= 0 {
		unix.Close(m.fd)
	}
}

func (l *Loop) post(m letter) {
	l.mu.Lock()
	defer l.mu.Unlock() // the descriptor is not closed, and its number not another's, meanwhile
	if l.ended {
		m.lose()
		return
	}
	if len(l.mail) == 0 {
		l.mailSince = int64(time.Since(epoch))
	}
	l.mail = append(l.mail, m)
	if l.awake.CompareAndSwap(false, true) {
		if l.rang != nil {
			l.rang()
			return
		}
		one := [8]byte{1}
		// The counter cannot overflow: it is written at most once per turn.
		_, _ = unix.Write(l.wakefd, one[:])
	}
}

// Stop ends Run after the turn that handles it.
func (l *Loop) Stop() { l.Post(func() { l.stop = true }) }

// Run is the loop's thread, until Stop. Connections that are still open are
// closed at its end.
func (l *Loop) Run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer l.close()
	for !l.stop {
		n, err := l.wait()
		if err != nil {
			return fmt.Errorf("loop %d: epoll_pwait: %w", l.index, err)
		}
		l.tick()
		if l.now-l.counts.cpuAt >= cpuFresh {
			l.counts.noteCPU(l.now)
		}
		l.handle(l.events[:n])
		l.again()
		l.hearSpared()
		l.expire()
		l.readMail()
		l.turned(n, int64(time.Since(epoch)))
	}
	return nil
}

func (l *Loop) tick() { l.tickAt(time.Now(), epoch) }

func (l *Loop) tickAt(now, since time.Time) {
	l.wall = now
	l.now = int64(now.Sub(since))
}

// wait sleeps until an event, a timer or mail. The wait is a scheduling point
// (Syscall6, not RawSyscall6): a raw one would hold up the garbage collector's
// stop-the-world for as long as the loop sleeps.
func (l *Loop) wait() (int, error) {
	timeout := l.heardIn(l.timers.wait(l.now))
	if len(l.ready) > 0 || l.awake.Load() {
		timeout = 0
	}
	for {
		n, err := epollWait(l.epfd, l.events[:], timeout)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// handle notes all events of a turn before any is worked on, so that no idle
// connection is taken for a request although the kernel has told of its end,
// or of bytes that nobody asked for.
func (l *Loop) handle(events []unix.EpollEvent) {
	for i := range events {
		if c := l.of(&events[i]); c != nil {
			c.note(events[i].Events)
		}
	}
	for i := range events {
		if c := l.of(&events[i]); c != nil {
			l.run(c)
		}
	}
}

// of is the connection that an event is for; nil for the mailbox, which is
// read in every turn, and for a descriptor that was closed in this turn.
func (l *Loop) of(ev *unix.EpollEvent) *Conn {
	if int(ev.Fd) >= len(l.bySlot) {
		return nil
	}
	if c := l.bySlot[ev.Fd]; c != nil && c.gen == uint32(ev.Pad) {
		return c
	}
	return nil
}

// run lets the handler of c work, and confines a panic to c.
func (l *Loop) run(c *Conn) {
	defer l.confine(c)
	if c.holds() && c.writable && !c.dialing {
		c.flush()
		if c.holds() {
			if c.err == 0 && !c.readable {
				return // still waiting for the peer to take it
			}
		}
	}
	if h := c.handler(); h != nil {
		h.Ready(c)
	}
}

// handler is who is told what happens to c.
func (c *Conn) handler() Handler {
	if c.lingers {
		return lingerer{}
	}
	return c.h
}

func (l *Loop) confine(c *Conn) {
	r := recover()
	if r == nil {
		return
	}
	l.panics.Add(1)
	l.log.Error("panic while handling a connection; it is closed", "loop", l.index, "panic", r, "stack", string(debug.Stack()))
	func() {
		defer func() { _ = recover() }() // the handler may be what is broken
		if h := c.handler(); h != nil {
			h.Broken(c)
		}
	}()
	c.Close()
}

// Panics counts the connections that were closed because handling them panicked.
func (l *Loop) Panics() int64 { return l.panics.Load() }

// again serves the connections that had more to do, once each.
func (l *Loop) again() {
	if len(l.ready) == 0 {
		return
	}
	l.ready, l.spare = l.spare[:0], l.ready
	for i, c := range l.spare {
		l.spare[i] = nil
		c.queued = false
		if !c.closed {
			l.run(c)
		}
		if c.unheard && !c.spared {
			c.hear()
		}
	}
}

func (l *Loop) expire() {
	for {
		t := l.timers.next(l.now)
		if t == nil {
			return
		}
		l.counts.Timers++
		if l.now-t.armed > lateAfter {
			l.counts.LateTimers++
		}
		if c := t.ofConn(); c != nil {
			func() {
				defer l.confine(c)
				c.handler().Expired(c)
			}()
			continue
		}
		t.ofTimer().f()
	}
}

func (l *Loop) readMail() {
	if !l.awake.Load() {
		return
	}
	if l.rang == nil {
		var sink [8]byte
		_, _ = unix.Read(l.wakefd, sink[:])
	}
	l.awake.Store(false)
	l.mu.Lock()
	mail := l.mail
	l.mail = nil
	if len(mail) > 0 {
		l.counts.MaxMailAge = max(l.counts.MaxMailAge, l.now-l.mailSince)
	}
	l.mu.Unlock()
	for i := range mail {
		mail[i].f()
	}
	l.counts.Mail += int64(len(mail))
}

func (l *Loop) close() {
	for _, c := range l.bySlot {
		if c != nil {
			c.Close()
		}
	}
	l.pipes.closeFree()
	l.mu.Lock()
	for i := range l.mail {
		l.mail[i].lose()
	}
	l.ended, l.mail = true, nil
	unix.Close(l.wakefd)
	l.mu.Unlock()
	unix.Close(l.epfd)
	close(l.done)
}

// Logger is where the loop's own troubles go.
func (l *Loop) Logger() *slog.Logger { return l.log }
