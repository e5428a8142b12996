package listener

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/config"
	"bascule/internal/loop"
)

// restAfterFull is how long a loop stops accepting when there is no
// descriptor left: what is queued stays queued, and the loop does not spin.
const restAfterFull = 100 * time.Millisecond

// RestAtLimit is how long it waits for a connection to end when maxconn is
// reached: shorter than anybody notices, longer than a busy loop.
const RestAtLimit = 5 * time.Millisecond

// Serve gives the listener's connections to accept, until Pause or Close.
// room, which may be nil, says how long to wait before one more is allowed
// (maxconn, rates), 0: it is. Meanwhile clients wait in the kernel's queue.
func (l *Listener) Serve(loops []*loop.Loop, accept Accept, room Room) {
	l.loops, l.accept, l.room = loops, accept, room
	l.watch = make([]*loop.Conn, len(loops))
	l.paused = make([]*loop.Conn, len(loops))
	l.Resume()
}

// Refuse stops accepting and lets the kernel refuse who comes, and reset who
// waits, until Resume. Copies of the sockets in other processes, as the
// master's, are the same sockets. A unix socket cannot: it is as after Pause. It
// waits for a turn of each loop.
func (l *Listener) Refuse() {
	stopped := make(chan struct{})
	l.Pause(func() { close(stopped) })
	<-stopped
	l.closing.Lock()
	defer l.closing.Unlock()
	for _, fd := range l.fds {
		_ = unix.Shutdown(fd, unix.SHUT_RD) // a unix socket's clients wait
	}
}

// Resume accepts again after Pause and Refuse.
func (l *Listener) Resume() {
	if l.Bind.Addr.Kind == config.AddrTCP {
		for _, fd := range l.fds {
			_ = unix.Listen(fd, l.backlog()) // what listens already goes on
		}
	}
	for i, lp := range l.loops {
		lp.Post(func() { l.start(i, lp) })
	}
}

func (l *Listener) start(i int, lp *loop.Loop) {
	if l.watch[i] != nil {
		return
	}
	fd := l.fds[i%len(l.fds)]
	limit := acceptsOwn
	if l.shared {
		limit = acceptsShared
	}
	w, err := lp.Watch(fd, l.shared && len(l.loops) > 1, func() { l.take(i, lp, fd, limit) })
	if err != nil {
		lp.Logger().Error("cannot watch a listening socket", "bind", l.Bind.Addr.Text, "error", err)
		return
	}
	l.watch[i] = w
}

// Pause stops accepting and leaves the sockets open; connections queue up in
// the kernel. done is called once all loops have stopped; it may be nil.
func (l *Listener) Pause(done func()) {
	stopped := make([]chan struct{}, len(l.loops))
	for i, lp := range l.loops {
		stopped[i] = make(chan struct{})
		lp.Post(func() {
			l.paused[i] = nil // an operator's pause outlasts a rest
			l.stop(i, lp)
			close(stopped[i])
		})
	}
	if done == nil {
		return
	}
	go func() { // ends when every loop has read its mail, or its last
		for i, lp := range l.loops {
			select {
			case <-stopped[i]:
			case <-lp.Done():
			}
		}
		done()
	}()
}

func (l *Listener) stop(i int, lp *loop.Loop) {
	if l.watch[i] != nil {
		lp.Unwatch(l.watch[i])
		l.watch[i] = nil
	}
}

// drainFor bounds a Drain: clients that come while there is no room keep the
// queue from ever being empty.
const drainFor = 5 * time.Second

// Drain stops the listener for good: each loop takes what is queued, waiting
// for room where maxconn or the descriptors are used up, and the sockets are
// closed when all have. Closing one SO_REUSEPORT socket with a queue would
// reset the clients in it.
func (l *Listener) Drain() {
	l.unblock()
	empty := make([]chan struct{}, len(l.loops))
	for i, lp := range l.loops {
		empty[i] = make(chan struct{})
		lp.Post(func() {
			served := l.watch[i] != nil || l.paused[i] != nil
			l.paused[i] = nil
			l.stop(i, lp)
			if !served { // paused by an operator: who waits, waits for another process
				close(empty[i])
				return
			}
			l.empty(i, lp, lp.Now()+int64(drainFor), empty[i])
		})
	}
	go func() { // ends when every loop has taken all, or has ended
		for i, lp := range l.loops {
			select {
			case <-empty[i]:
			case <-lp.Done():
			}
		}
		_ = l.Close() // no loop watches them any more
	}()
}

// unblock makes sure that an empty queue ends a Drain: whoever shares the sockets, such
// as a program that systemd starts on them without NonBlocking=, may have changed that.
func (l *Listener) unblock() {
	l.closing.Lock()
	defer l.closing.Unlock()
	for _, fd := range l.fds {
		_ = unix.SetNonblock(fd, true) // it was possible when it was opened
	}
}

// empty takes what is queued, and rests where it must.
func (l *Listener) empty(i int, lp *loop.Loop, until int64, done chan struct{}) {
	for {
		_, rest := l.accepts(lp, l.fds[i%len(l.fds)], acceptsOwn)
		switch {
		case rest < 0 || rest > 0 && lp.Now() >= until:
			close(done)
			return
		case rest > 0:
			lp.SetTimer(lp.Timer(func() { l.empty(i, lp, until, done) }), rest)
			return
		}
	}
}

// take accepts what is queued, at most limit.
func (l *Listener) take(i int, lp *loop.Loop, fd, limit int) {
	if _, rest := l.accepts(lp, fd, limit); rest > 0 {
		l.pause(i, lp, rest)
	}
}

// accepts accepts what is queued, at most limit, and tells how many, and how
// long to rest before the next: 0 if there may be more, less when all were
// taken.
func (l *Listener) accepts(lp *loop.Loop, fd, limit int) (n int, rest time.Duration) {
	for n < limit {
		if l.room != nil {
			if rest := l.room(lp); rest > 0 {
				return n, rest
			}
		}
		c, from, err := loop.Accept(fd)
		if err != 0 && l.Unused != nil {
			l.Unused(lp)
		}
		switch err {
		case 0:
		case unix.EINTR, unix.ECONNABORTED:
			continue
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
			l.full(lp, err)
			return n, restAfterFull
		default:
			return n, -1
		}
		n++
		to := l.addr
		if !to.IsValid() || to.Addr().IsUnspecified() {
			if sa, err := unix.Getsockname(c); err == nil {
				to = loop.AddrPort(sa)
			}
		}
		lp.CountAccept()
		l.accept(lp, c, from, to)
	}
	return n, 0
}

// sayFullEvery is how often it is said that nothing can be accepted: the pauses
// themselves are counted.
const sayFullEvery = int64(10 * time.Second)

// full tells that descriptors or memory have run out.
func (l *Listener) full(lp *loop.Loop, err error) {
	lp.CountAcceptPause()
	last, now := l.saidFull.Load(), lp.Now()
	if (last == 0 || now-last >= sayFullEvery) && l.saidFull.CompareAndSwap(last, now) {
		lp.Logger().Warn("cannot accept; trying again in a moment", "bind", l.Bind.Addr.Text, "error", err)
		if l.Full != nil {
			l.Full(err)
		}
	}
}

func (l *Listener) pause(i int, lp *loop.Loop, d time.Duration) {
	w := l.watch[i]
	l.stop(i, lp)
	t := lp.Timer(func() {
		if l.paused[i] == w {
			l.start(i, lp)
		}
	})
	l.paused[i] = w
	lp.SetTimer(t, d)
}

// Close closes the sockets at once; clients in the queue are reset. It must
// not be called while loops still watch them: Pause or Drain first. A path that
// was published stays, as it may be another's by now.
func (l *Listener) Close() error {
	l.closing.Lock() // the end of a Drain may meet the end of the process: nothing is closed twice
	defer l.closing.Unlock()
	var first error
	for _, fd := range l.fds {
		if err := unix.Close(fd); err != nil && first == nil {
			first = err
		}
	}
	l.fds = nil
	if l.hidden != "" {
		if err := os.Remove(l.hidden); err != nil && first == nil {
			first = err
		}
		l.hidden = ""
	}
	return first
}

// Spread says which loop shall carry the next connection: the one that
// accepted it, unless it already has many more than the others.
func Spread(loops []*loop.Loop, here *loop.Loop) *loop.Loop {
	if len(loops) < 2 {
		return here
	}
	var sum int64
	least := here
	for _, l := range loops {
		n := l.Stats.Conns.Load()
		sum += n
		if n < least.Stats.Conns.Load() {
			least = l
		}
	}
	mean := sum / int64(len(loops))
	// A quarter above the mean, and more than noise: measured, the busiest of
	// eight loops had 1.6 times the mean with five connections each.
	if here.Stats.Conns.Load() > mean+mean/4+8 {
		return least
	}
	return here
}
