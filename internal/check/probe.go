package check

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// maxInfo is how much of what a server said is kept (HAProxy: 127 bytes).
const maxInfo = 127

// limits of one check: connect for each connection, whole for all of it, and
// reply, if set, for all that follows a connect.
type timing struct{ connect, whole, reply time.Duration }

// timingOf is what a backend's timeouts make of an interval (HAProxy: timeout
// check, inter): with `timeout check` a connect has the smaller of `timeout
// connect` and inter, else inter is for the whole check.
func timingOf(every time.Duration, px *config.Proxy) timing {
	t := timing{connect: max(every, minInterval), whole: max(every, minInterval)}
	if px.Timeouts.Check > 0 {
		t.reply = px.Timeouts.Check
		if px.Timeouts.Connect > 0 {
			t.connect = min(t.connect, px.Timeouts.Connect)
		}
	}
	return t
}

// fast is the same at the fast pace, for checks that usually take so long: a
// shorter connect, and a reply that need not come sooner than a slow server's.
func (t timing) fast(usual time.Duration) timing {
	usual *= backend.FastUsual
	t.connect = min(t.connect, max(backend.FastLimit, usual))
	reply := max(backend.FastReply, usual)
	t.whole = min(t.whole, reply)
	if t.reply > 0 {
		t.reply = min(t.reply, reply)
	}
	return t
}

// address is where a step connects: what it says itself, else where the
// server is checked: `addr` and `port`, else its own.
func (r *run) address(d *config.CheckDial) (network, addr string, fault string) {
	at := r.srv.Addr()
	ip, port := at.Addr(), int(at.Port())
	if to := r.target.addr; to.IsValid() {
		ip = to
	}
	if r.target.port != 0 {
		port = r.target.port
	}
	if d.Addr.IP.IsValid() {
		ip = d.Addr.IP
	}
	switch cfg := r.srv.Config(); {
	case ip.IsValid():
	case cfg.Addr.SocketName() != "":
		return "unix", cfg.Addr.SocketName(), ""
	}
	if d.Port != 0 {
		port = d.Port
	}
	if d.PortExpr != nil {
		n, ok := d.PortExpr.Int(&r.x)
		if !ok || n < 1 || n > maxPort {
			return "", "", "no port to connect to"
		}
		port = int(n)
	}
	if port == 0 {
		return "", "", "no port to connect to"
	}
	r.port = port
	return "tcp", netip.AddrPortFrom(ip, uint16(port)).String(), ""
}

const maxPort = 65535

// dialler opens the connection of a step: from the server's source and with its
// socket options, where it has some.
func (r *run) dialler(network string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	to := r.srv.Target()
	if network != "tcp" || to.Plain() {
		return r.c.env.Dial
	}
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: false}, KeepAlive: -1,
		Control: func(_, _ string, c syscall.RawConn) (err error) {
			if e := c.Control(func(fd uintptr) { err = to.Prepare(int(fd)) }); e != nil {
				return e
			}
			return err
		}}
	return d.DialContext
}

// drop closes the connection of a check: by a reset, which leaves no TIME_WAIT
// for each check, unless the step says linger.
func drop(conn net.Conn, linger bool) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn() // without a word, as HAProxy
	}
	if tcp, ok := conn.(*net.TCPConn); ok && !linger {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// proxyLine announces the check's own connection to a server that expects the
// PROXY protocol, version 1.
func proxyLine(conn net.Conn) []byte {
	src, ok1 := conn.LocalAddr().(*net.TCPAddr)
	dst, ok2 := conn.RemoteAddr().(*net.TCPAddr)
	if !ok1 || !ok2 {
		return []byte("PROXY UNKNOWN\r\n")
	}
	family := "TCP4"
	if src.IP.To4() == nil {
		family = "TCP6"
	}
	return []byte("PROXY " + family + " " + src.IP.String() + " " + dst.IP.String() + " " +
		strconv.Itoa(src.Port) + " " + strconv.Itoa(dst.Port) + "\r\n")
}

// ours says that an error comes from our own limits, which pass. A server that
// a firewall or a file's mode keeps us from is down, whoever's fault it is.
func ours(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL,
		syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return errors.Is(err, context.Canceled)
}

func timedOut(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// text is an error in the words of strerror(3), as HAProxy shows it.
func text(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	s := errno.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}

// statusNamed is the status that an expect names in the file.
func statusNamed(name string, otherwise backend.CheckStatus) backend.CheckStatus {
	if s, ok := statuses[name]; ok {
		return s
	}
	return otherwise
}

var statuses = map[string]backend.CheckStatus{
	"L4OK": backend.CheckL4OK, "L4CON": backend.CheckL4CON, "L4TOUT": backend.CheckL4TOUT,
	"L6OK": backend.CheckL6OK, "L6RSP": backend.CheckL6RSP, "L6TOUT": backend.CheckL6TOUT,
	"L7OK": backend.CheckL7OK, "L7OKC": backend.CheckL7OKC, "L7RSP": backend.CheckL7RSP,
	"L7STS": backend.CheckL7STS, "L7TOUT": backend.CheckL7TOUT,
}
