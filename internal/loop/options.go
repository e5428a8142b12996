package loop

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Options are what a configuration says about TCP sockets. The zero value
// leaves all to the kernel. Accepted sockets inherit those of their listener.
type Options struct {
	KeepAlive               bool          // probes an idle peer
	KeepCount               int           // probes without an answer until it is lost; 0: the kernel's
	KeepIdle, KeepInterval  time.Duration // before the first probe, between two; whole seconds, 0: the kernel's
	UserTimeout             time.Duration // how long sent bytes may stay unacknowledged; 0: the kernel's
	MaxSegment              int           // bytes; 0: the kernel's
	DeferAccept             bool          // of a listener: connections without data wait for deferTime at most
	SendBuffer, ReceiveSize int           // bytes of the kernel's buffers; 0: the kernel's
}

// deferTime is HAProxy's: a connection whose client says nothing is accepted after
// that, so that its timeouts begin.
const deferTime = time.Second

// Set sets them on a socket. Those that the kernel refuses are in the error,
// the others are set.
func (o *Options) Set(fd int) error {
	if *o == (Options{}) {
		return nil
	}
	var errs []error
	set := func(level, name, value int, what string) {
		if value == 0 {
			return
		}
		if err := unix.SetsockoptInt(fd, level, name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	if o.KeepAlive {
		set(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1, "keep-alive")
		set(unix.IPPROTO_TCP, unix.TCP_KEEPCNT, o.KeepCount, "count of keep-alive probes")
		set(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(o.KeepIdle/time.Second), "time before keep-alive probes")
		set(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(o.KeepInterval/time.Second), "time between keep-alive probes")
	}
	if o.DeferAccept {
		set(unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, int(deferTime/time.Second), "deferred accept")
	}
	set(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(o.UserTimeout/time.Millisecond), "user timeout")
	set(unix.IPPROTO_TCP, unix.TCP_MAXSEG, o.MaxSegment, "mss")
	set(unix.SOL_SOCKET, unix.SO_SNDBUF, o.SendBuffer, "send buffer")
	set(unix.SOL_SOCKET, unix.SO_RCVBUF, o.ReceiveSize, "receive buffer")
	return errors.Join(errs...)
}

// Plain says that nothing but the address is said of the target.
func (t *Target) Plain() bool {
	return t.Options == (Options{}) && t.Iface == "" && !t.From.Addr().IsValid()
}

// Prepare makes a TCP socket ready to connect to the target: its options, its
// device, its source. An option that the kernel refuses does not keep the
// server from being reached; a source that is not there does.
func (t *Target) Prepare(fd int) error {
	// Small writes must leave at once; without BIND_ADDRESS_NO_PORT the
	// ephemeral ports run out per host instead of per destination.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	if t.Plain() {
		return nil
	}
	_ = t.Set(fd)
	if t.Iface != "" {
		if err := unix.BindToDevice(fd, t.Iface); err != nil {
			return err
		}
	}
	if !t.From.Addr().IsValid() || t.From.Addr().IsUnspecified() && t.From.Port() == 0 {
		return nil
	}
	if t.From.Port() != 0 { // the last connection may be in TIME_WAIT there
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	return unix.Bind(fd, sockaddr(netip.AddrPortFrom(t.From.Addr(), t.From.Port())))
}
