package logs

import (
	"errors"
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

// reopenAfter is how often a socket whose receiver is away is tried again.
const reopenAfter = time.Second

// A sink is one address: a UDP or unix datagram socket, or a descriptor that
// was open when the process started. It belongs to the writer.
type sink struct {
	hub      *Hub
	addr     string
	fd       int // -1: not open
	stream   bool
	batch    []byte // whole lines, one behind the other
	ends     []int  // where each line in batch ends
	retry    time.Time
	messages messages
}

func newSink(addr string, hub *Hub) *sink {
	s := &sink{hub: hub, addr: addr, fd: -1}
	s.connect()
	return s
}

// connect opens the socket; a receiver that is not there is tried again later.
func (s *sink) connect() {
	if fd := inherited(s.addr); fd >= 0 {
		s.fd, s.stream = fd, true
		return
	}
	s.retry = s.hub.opts.Now().Add(reopenAfter)
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
	s.fd = fd
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
			s.fd, s.retry = -1, s.hub.opts.Now().Add(reopenAfter)
			return lost + len(s.ends) - i
		}
	}
	return lost
}
