package loop

import (
	"golang.org/x/sys/unix"
)

const (
	// DefaultPipes is how many transfers of a loop may be in a pipe at once:
	// only those whose reader is slow, as a pipe that is empty goes back.
	DefaultPipes = 256
	// keepPipes is how many empty pipes a loop keeps open for the next ones.
	keepPipes = 32
	// pipeRoom is what one pass through a pipe moves at most, whatever its
	// size: the other connections shall have their turn.
	pipeRoom = 256 << 10
)

// A pipe carries bytes from one socket to another inside the kernel.
type pipe struct {
	r, w int
	n    int // bytes in it
}

// pipes is a loop's free list.
type pipes struct {
	stats *Stats
	free  []*pipe
	open  int
	most  int
	size  int // bytes; 0: the kernel's choice
}

// SetPipes bounds how many pipes Splice may have open at once (0: Splice moves
// nothing) and sets their size in bytes (0: the kernel's). It is called on the
// loop, or before Run.
func (l *Loop) SetPipes(most, size int) {
	if size != l.pipes.size {
		l.pipes.closeFree()
	}
	l.pipes.stats, l.pipes.most, l.pipes.size = &l.Stats, most, size
}

// get is an empty pipe, or nil if there are too many or no descriptors.
func (ps *pipes) get() *pipe {
	if k := len(ps.free); k > 0 {
		p := ps.free[k-1]
		ps.free = ps.free[:k-1]
		ps.stats.FreePipes.Add(-1)
		return p
	}
	if ps.open >= ps.most {
		return nil
	}
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC) != nil {
		return nil
	}
	if ps.size > 0 {
		// Refused beyond the user's share of pipe memory: a smaller one works too.
		_, _ = unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, ps.size)
	}
	ps.open++
	ps.stats.Pipes.Add(1)
	return &pipe{r: fds[0], w: fds[1]}
}

// put takes a pipe back; one that is not empty is no use to others.
func (ps *pipes) put(p *pipe) {
	if p.n == 0 && len(ps.free) < keepPipes && ps.open <= ps.most {
		ps.free = append(ps.free, p)
		ps.stats.FreePipes.Add(1)
		return
	}
	ps.close(p)
}

func (ps *pipes) close(p *pipe) {
	unix.Close(p.r)
	unix.Close(p.w)
	ps.open--
	ps.stats.Pipes.Add(-1)
}

func (ps *pipes) closeFree() {
	for _, p := range ps.free {
		ps.close(p)
	}
	ps.stats.FreePipes.Add(-int64(len(ps.free)))
	ps.free = nil
}

// Splice moves at most most bytes that came on from to c without copying
// them, and says how many. They are c's from then on: what its socket does not
// take waits in the pipe, as other bytes wait in memory, and is Pending.
//
// ok is false where it cannot be done so: there is no pipe, or from has input
// that was kept; the caller copies. With ok and n 0 either c takes no more,
// or from has nothing for now, or it has ended: Fill tells.
func (c *Conn) Splice(from *Conn, most int64) (n int64, ok bool) {
	switch {
	case len(from.Kept()) > 0 || c.secure || from.secure:
		return 0, false
	case from.closed || !from.readable || c.closed || c.err != 0 || c.holds() || !c.writable || c.dialing:
		return 0, true
	}
	ps := &c.l.pipes
	p := ps.get()
	if p == nil {
		return 0, false
	}
	// The pipe is empty, so EAGAIN is the source's: with bytes in it, it might
	// mean that the pipe is full, and the source's next edge would never come.
	k, err := splice(int(from.fd), p.w, int(min(most, pipeRoom)))
	if err == unix.EINVAL {
		ps.put(p)
		return 0, false
	}
	if k <= 0 {
		ps.put(p)
		_ = from.received(0, 0, err) // Fill says it again
		return 0, true
	}
	p.n = k
	c.keeps().pipe = p
	c.l.counts.Splices++
	c.l.counts.SplicedBytes += int64(k)
	c.flushPipe()
	if int64(k) == most {
		from.look()
	}
	return int64(k), true
}

// look asks the kernel whether more has come: after the last byte that was
// asked for, nobody reads on to find out.
func (c *Conn) look() {
	var b [1]byte
	if _, e := recv(int(c.fd), b[:], unix.MSG_PEEK); e == unix.EAGAIN {
		c.readable = false
	}
}

// holds says whether bytes wait to be sent.
func (c *Conn) holds() bool { return c.kept != nil && (c.kept.out.len() > 0 || c.kept.pipe != nil) }

// flushPipe sends what is in the pipe, and gives it back when that is all.
func (c *Conn) flushPipe() {
	p := c.kept.pipe
	for p.n > 0 {
		k, err := splice(p.r, int(c.fd), p.n)
		if err != 0 {
			if !c.sent(err) {
				return // later
			}
			break
		}
		p.n -= k
	}
	c.dropPipe()
}

func (c *Conn) dropPipe() {
	if k := c.kept; k != nil && k.pipe != nil {
		c.l.pipes.put(k.pipe)
		k.pipe = nil
		c.tidy()
	}
}

// splice may take as long as copying would, so the scheduler knows of it.
func splice(from, to, most int) (int, unix.Errno) {
	for {
		n, _, e := unix.Syscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(most), unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if e == unix.EINTR {
			continue
		}
		if e != 0 {
			return 0, e
		}
		return int(n), 0
	}
}
