// Package listener makes sockets of bind lines and gives their connections to
// the loops.
//
// A TCP bind of our own has one SO_REUSEPORT socket per loop, so that the
// kernel spreads connections without a lock. An inherited socket and a unix
// one are a single descriptor that all loops watch, one woken at a time.
package listener

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/config"
	"bascule/internal/loop"
)

const (
	// backlog is what the kernel queues while a loop is busy; it is cut to
	// net.core.somaxconn.
	backlog = 4096
	// acceptsOwn and acceptsShared bound a turn: with a shared socket the
	// others shall get their part of a burst.
	acceptsOwn    = 64
	acceptsShared = 8
	// unsentMost is how many bytes that a client has not asked for yet wait in the
	// kernel for one connection. Without it, each of 500 clients that stop reading
	// holds 4 MiB and more, until the system's memory for TCP is used up and
	// everybody's connections stall.
	unsentMost = 128 << 10
)

// Accept is given every connection, on the loop that shall carry it.
type Accept func(l *loop.Loop, fd int, from, to netip.AddrPort)

// Room says, on a loop, how long the next connection must wait; 0: not at all.
type Room func(l *loop.Loop) time.Duration

// A Listener is one bind.
type Listener struct {
	Bind   *config.Bind
	fds    []int
	shared bool // one descriptor for all loops
	addr   netip.AddrPort
	watch  []*loop.Conn // per loop; only touched on that loop
	paused []*loop.Conn // what a rest will resume; likewise
	loops  []*loop.Loop
	accept Accept
	room   Room

	// Full is told, at most every ten seconds and on a loop, that descriptors or
	// memory have run out; nil: nobody is. Set it before Serve.
	Full     func(err error)
	saidFull atomic.Int64 // when, by a loop's clock

	// Unused is told, on a loop, that the room that was given was not needed; nil:
	// nobody is. Set it before Serve.
	Unused func(l *loop.Loop)

	closing sync.Mutex // guards fds and hidden while they are closed
	hidden  string     // path of a unix socket before Publish
}

// Open makes the sockets of b for that many loops. inherited are descriptors
// that were opened for the same bind before, by a master or a parent; nil
// opens new ones.
func Open(b *config.Bind, loops int, inherited []int) (*Listener, error) {
	l, err := Prepare(b, loops, inherited)
	if err != nil {
		return nil, err
	}
	if err := l.Publish(); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// Prepare is Open, but for a path: clients reach whoever listened there before,
// until Publish. So nobody has lost a socket when another one cannot be opened.
func Prepare(b *config.Bind, loops int, inherited []int) (*Listener, error) {
	l := &Listener{Bind: b}
	var err error
	switch {
	case len(inherited) > 0:
		l.fds, l.shared = inherited, len(inherited) < loops
	case b.Addr.Kind == config.AddrFD:
		l.fds, l.shared = []int{b.Addr.FD}, true
	case b.Addr.Kind == config.AddrUnix || b.Addr.Kind == config.AddrAbns:
		l.shared = true
		err = l.openUnix()
	default:
		err = l.openTCP(loops)
	}
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("cannot bind %s: %w", b.Addr.Text, err)
	}
	for _, fd := range l.fds {
		if err := unix.SetNonblock(fd, true); err != nil {
			return nil, fmt.Errorf("cannot use descriptor %d of %s: %w", fd, b.Addr.Text, err)
		}
		unix.CloseOnExec(fd)
		inherit(fd)
		_ = b.Socket.Set(fd) // as HAProxy: what the kernel refuses keeps nobody from listening
	}
	if sa, err := unix.Getsockname(l.fds[0]); err == nil {
		l.addr = loop.AddrPort(sa)
	}
	return l, nil
}

func (l *Listener) openTCP(loops int) error {
	a := &l.Bind.Addr
	ip := a.IP
	if !ip.IsValid() {
		ip = netip.IPv4Unspecified()
	}
	family := unix.AF_INET
	if ip.Is6() {
		family = unix.AF_INET6
	}
	for range loops {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		l.fds = append(l.fds, fd)
		if err := l.options(fd, family); err != nil {
			return err
		}
		if err := unix.Bind(fd, sockaddr(ip, a.Port)); err != nil {
			return err
		}
		if err := unix.Listen(fd, l.backlog()); err != nil {
			return err
		}
	}
	return nil
}

func (l *Listener) options(fd, family int) error {
	set := func(level, name, value int) error {
		if err := unix.SetsockoptInt(fd, level, name, value); err != nil {
			return fmt.Errorf("socket option %d: %w", name, err)
		}
		return nil
	}
	var errs []error
	errs = append(errs, set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	if family == unix.AF_INET6 {
		only := 1
		if l.Bind.Addr.V4V6 {
			only = 0
		}
		errs = append(errs, set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only))
	}
	if l.Bind.TFO {
		errs = append(errs, set(unix.IPPROTO_TCP, unix.TCP_FASTOPEN, l.backlog()))
	}
	if l.Bind.Iface != "" {
		errs = append(errs, unix.BindToDevice(fd, l.Bind.Iface))
	}
	return errors.Join(errs...)
}

// inherit sets what accepted sockets inherit, which saves a call for each; a socket
// that somebody else opened gets it too. A unix one refuses, and needs none of it.
func inherit(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentMost)
}

func (l *Listener) backlog() int {
	if l.Bind.Backlog > 0 {
		return l.Bind.Backlog
	}
	return backlog
}

func sockaddr(ip netip.Addr, port int) unix.Sockaddr {
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: port, Addr: ip.As4()}
	}
	return &unix.SockaddrInet6{Port: port, Addr: ip.As16()}
}

// Publish gives a unix socket its path; for others it does nothing.
func (l *Listener) Publish() error {
	if l.hidden == "" {
		return nil
	}
	if err := os.Rename(l.hidden, l.Bind.Addr.Path); err != nil {
		return fmt.Errorf("cannot bind %s: %w", l.Bind.Addr.Text, err)
	}
	l.hidden = ""
	return nil
}

// openUnix binds beside the final path; Publish renames, so that a socket that
// is in use stays reachable until the moment of the change.
func (l *Listener) openUnix() error {
	a := &l.Bind.Addr
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	l.fds = append(l.fds, fd)
	if a.Kind == config.AddrAbns {
		if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: a.SocketName()}); err != nil {
			return err
		}
		return unix.Listen(fd, l.backlog())
	}
	tmp := fmt.Sprintf("%s.%d.tmp", a.Path, os.Getpid())
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: tmp})
	if errors.Is(err, unix.EADDRINUSE) { // the same path is there twice
		tmp = fmt.Sprintf("%s.%d-%d.tmp", a.Path, os.Getpid(), fd)
		_ = os.Remove(tmp) // of a process that had our number
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: tmp})
	}
	if err != nil {
		return err
	}
	l.hidden = tmp
	if err := l.permit(tmp); err != nil {
		return err
	}
	return unix.Listen(fd, l.backlog())
}

func (l *Listener) permit(path string) error {
	if l.Bind.Mode != 0 {
		if err := os.Chmod(path, l.Bind.Mode); err != nil {
			return err
		}
	}
	if l.Bind.UID >= 0 || l.Bind.GID >= 0 {
		return l.own(path)
	}
	return nil
}

// own gives the path its owner and group. What it has already is not asked for: a
// unit's filter of system calls forbids chown also where it would change nothing.
func (l *Listener) own(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return err
	}
	if (l.Bind.UID < 0 || l.Bind.UID == int(st.Uid)) && (l.Bind.GID < 0 || l.Bind.GID == int(st.Gid)) {
		return nil
	}
	return os.Chown(path, l.Bind.UID, l.Bind.GID)
}

// Files are the listener's descriptors, to hand over.
func (l *Listener) Files() []int { return l.fds }

// Addr is where it listens; the zero value for a unix socket.
func (l *Listener) Addr() netip.AddrPort { return l.addr }
