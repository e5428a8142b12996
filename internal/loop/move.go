package loop

import (
	"time"

	"golang.org/x/sys/unix"
)

// Absent is a connection that is not there: closed from the start, so that
// everything may be asked of it and nothing happens.
func (l *Loop) Absent() *Conn { return &Conn{l: l, fd: -1, closed: true} }

// Patience is what the deadline was last set to.
func (c *Conn) Patience() time.Duration { return c.patience }

// Move takes an idle connection out of its loop and calls f with its socket on
// the loop to, which adopts it there. Should to have ended, or end before, the
// socket is closed and f not called. false: c could not be moved and is closed.
//
// What comes meanwhile waits in the socket: Adopt's caller must Peek before it
// relies on the connection being idle.
func (c *Conn) Move(to *Loop, f func(fd int)) bool {
	if c.closed || c.unheard || c.kept != nil || c.secure {
		c.Close()
		return false
	}
	// Before it is another's: epoll reports a socket for as long as it is open
	// anywhere, and would do so here, under a generation that has gone.
	if unix.EpollCtl(c.l.epfd, unix.EPOLL_CTL_DEL, int(c.fd), nil) != nil {
		c.Close()
		return false
	}
	c.forget()
	fd := int(c.fd)
	to.post(letter{f: func() { f(fd) }, fd: fd})
	return true
}
