package logs

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The bounds of one batch: so many datagrams go by one system call, and so many
// bytes gather before one is made.
const (
	batchLines = 64
	batchBytes = 64 << 10
)

// A socket whose receiver is away is tried again after reopenSoon, and each time in
// vain after twice as long, up to reopenAfter: a receiver that restarts misses the
// lines of a moment, one that stays away costs a few calls a second.
const (
	reopenSoon  = 20 * time.Millisecond
	reopenAfter = 250 * time.Millisecond
)

// A sink is one address: a UDP or unix datagram socket, or a descriptor that
// was open when the process started. It belongs to the writer.
type sink struct {
	hub      *Hub
	addr     string
	fd       int // -1: not open
	stream   bool
	batch    []byte        // whole lines, one behind the other
	ends     []int         // where each line in batch ends
	retry    time.Time     // not before
	wait     time.Duration // for the try after that
	messages messages
	book     *book // of a ring; nil: it is a socket or descriptor
}

func newSink(t *Target, hub *Hub) *sink {
	s := &sink{hub: hub, addr: t.Addr, fd: -1}
	if t.Ring == nil {
		s.connect()
		return s
	}
	b, err := openBook(t.Ring)
	if err != nil { // it was there when the configuration was taken; memory will do
		if hub.failed == nil && hub.serving == nil {
			hub.failed = fmt.Errorf("ring '%s' : %w", t.Ring.Name, err)
		}
		hub.opts.Log.Error("a ring has no file", "ring", t.Ring.Name, "error", err)
		plain := *t.Ring
		plain.File = ""
		b, _ = openBook(&plain) // without a file nothing can fail
		b.sec = t.Ring
	}
	s.book = b
	s.serve()
	return s
}

// serve starts what reads a ring, once the hub runs.
func (s *sink) serve() {
	if s.book != nil {
		s.book.serve(s.hub.serving, s.hub)
	}
}

// connect opens the socket; a receiver that is not there is tried again later.
func (s *sink) connect() {
	if fd := inherited(s.addr); fd >= 0 {
		s.fd, s.stream = fd, true
		return
	}
	s.later()
	family, to := unix.AF_UNIX, unix.Sockaddr(&unix.SockaddrUnix{Name: s.addr})
	if !strings.HasPrefix(s.addr, "/") {
		a, err := netip.ParseAddrPort(s.addr)
		if err != nil {
			return
		}
		if a.Addr().Is4() {
			family, to = unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
		} else {
			family, to = unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
		}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	if err := unix.Connect(fd, to); err != nil {
		unix.Close(fd)
		return
	}
	s.fd, s.wait = fd, 0
}

// later puts off the next try.
func (s *sink) later() {
	s.wait = min(max(2*s.wait, reopenSoon), reopenAfter)
	s.retry = s.hub.opts.Now().Add(s.wait)
}

// inherited gives the descriptor of stdout, stderr and fd@N, else -1.
func inherited(addr string) int {
	switch {
	case addr == "stdout":
		return 1
	case addr == "stderr":
		return 2
	case strings.HasPrefix(addr, "fd@"):
		if n, err := strconv.Atoi(addr[3:]); err == nil {
			return n
		}
	}
	return -1
}

func (s *sink) close() {
	s.flush()
	if s.book != nil {
		s.book.close()
	}
	if s.fd >= 0 && !s.stream {
		unix.Close(s.fd)
	}
	s.fd = -1
}

// begin makes room for a line of at most n bytes and says where it begins.
func (s *sink) begin(n int) int {
	if len(s.ends) == batchLines || len(s.batch)+n > batchBytes {
		s.flush()
	}
	return len(s.batch)
}

// end closes the line that begins at off.
func (s *sink) end(int) { s.ends = append(s.ends, len(s.batch)) }

// flush sends the batch. What the receiver does not take at once is dropped and
// counted.
func (s *sink) flush() {
	if len(s.ends) == 0 {
		return
	}
	if s.book != nil {
		s.keep()
		return
	}
	if s.fd < 0 && !s.hub.opts.Now().Before(s.retry) {
		s.connect()
	}
	lost := len(s.ends)
	switch {
	case s.fd < 0:
	case s.stream:
		lost = s.writeStream()
	default:
		lost = s.sendDatagrams()
	}
	s.hub.dropped.Add(uint64(lost))
	s.batch, s.ends = s.batch[:0], s.ends[:0]
}

// keep puts the batch into the ring.
func (s *sink) keep() {
	from := 0
	for _, end := range s.ends {
		s.book.store.put(s.batch[from:end])
		from = end
	}
	s.book.store.tell()
	if len(s.book.forwards) > 0 {
		first := s.book.store.oldest()
		for _, f := range s.book.forwards {
			f.countLost(first)
		}
	}
	s.batch, s.ends = s.batch[:0], s.ends[:0]
}

// pipeBuf is what a pipe that polls as writable takes without blocking.
const pipeBuf = 4096

// writeStream writes whole lines in pieces that cannot block, as long as the
// other end reads.
func (s *sink) writeStream() (lost int) {
	from := 0
	for i := 0; i < len(s.ends); {
		n := i + 1
		for n < len(s.ends) && s.ends[n]-from <= pipeBuf {
			n++
		}
		if !writable(s.fd) || !writeAll(s.fd, s.batch[from:s.ends[n-1]]) {
			lost += n - i
		}
		from, i = s.ends[n-1], n
	}
	return lost
}

func writable(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for {
		n, err := unix.Poll(p, 0)
		if !errors.Is(err, unix.EINTR) {
			return err == nil && n == 1 && p[0].Revents&unix.POLLOUT != 0
		}
	}
}

func writeAll(fd int, b []byte) bool {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return false
		}
		b = b[n:]
	}
	return true
}

// sendDatagrams sends one datagram a line, many by one call.
func (s *sink) sendDatagrams() (lost int) {
	reopened := false
	for i, again := 0, false; i < len(s.ends); {
		n, err := s.messages.send(s.fd, s.batch, s.ends, i)
		switch {
		case n > 0:
			i, again = i+n, false
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ECONNREFUSED) && !again && !strings.HasPrefix(s.addr, "/"):
			again = true // told of an earlier datagram; this one has not been tried
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS):
			return lost + len(s.ends) - i // the receiver is slow: never wait for it
		case errors.Is(err, unix.EMSGSIZE), errors.Is(err, unix.ECONNREFUSED) && !strings.HasPrefix(s.addr, "/"):
			lost, i, again = lost+1, i+1, false
		default: // the receiver went away: look for it again later
			unix.Close(s.fd)
			s.fd = -1
			s.later()
			if !reopened { // it may be back already: a restart takes no time at all
				reopened = true
				if s.connect(); s.fd >= 0 {
					continue
				}
			}
			return lost + len(s.ends) - i
		}
	}
	return lost
}
