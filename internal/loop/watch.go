package loop

import "golang.org/x/sys/unix"

// Watch registers a listening socket that the loop does not own: level-
// triggered, with EPOLLEXCLUSIVE when other loops watch the same one. f is
// called while it is readable. The result must be given to Unwatch before the
// descriptor is closed or handed over.
func (l *Loop) Watch(fd int, shared bool, f func()) (*Conn, error) {
	l.nextGen++
	c := &Conn{l: l, h: watcher{f}, fd: int32(fd), gen: l.nextGen, watched: true}
	l.slotFor(fd)
	l.bySlot[fd] = c
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd), Pad: int32(c.gen)}
	if shared {
		ev.Events |= unix.EPOLLEXCLUSIVE
	}
	if err := unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		l.bySlot[fd] = nil
		return nil, err
	}
	return c, nil
}

// Unwatch ends a Watch; the descriptor stays open.
func (l *Loop) Unwatch(c *Conn) {
	if c.closed {
		return
	}
	c.closed = true
	l.bySlot[c.fd] = nil
	_ = unix.EpollCtl(l.epfd, unix.EPOLL_CTL_DEL, int(c.fd), nil) // fails only if it is closed already
}

type watcher struct{ f func() }

func (w watcher) Ready(*Conn)   { w.f() }
func (w watcher) Expired(*Conn) {}
func (w watcher) Broken(*Conn)  {}
