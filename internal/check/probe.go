package check

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// probe checks a server once. fault is set instead of a result when the reason
// is ours: no evidence against the server.
func (c *Checker) probe(ctx context.Context, s *backend.Server) (r backend.Result, fault error) {
	srv, px := s.Config(), s.Backend().Config()
	begin := time.Now()
	ctx, cancel := context.WithDeadline(ctx, begin.Add(connectLimit(srv, px)))
	network, addr := address(s)
	conn, err := c.env.Dial(ctx, network, addr)
	cancel()
	switch {
	case err != nil && ours(err):
		return r, err
	case err != nil:
		r = refused(err)
	case px.Check.HTTP:
		conn.SetDeadline(replyDeadline(begin, srv, px))
		r = askHTTP(conn, px, s.State().Op == backend.Stopped)
		conn.Close()
	default:
		r.Status = backend.CheckL4OK
		reset(conn)
	}
	r.Duration = time.Since(begin)
	r.Info = r.Info[:min(len(r.Info), maxInfo)]
	return r, nil
}

// maxInfo is how much of what a server said is kept (HAProxy: 127 bytes).
const maxInfo = 127

// connectLimit is how long a connect may take: with `timeout check` the smaller
// of `timeout connect` and inter, else inter for the whole check.
func connectLimit(srv *config.Server, px *config.Proxy) time.Duration {
	limit := max(srv.Inter, minInterval)
	if px.Timeouts.Check > 0 && px.Timeouts.Connect > 0 {
		limit = min(limit, px.Timeouts.Connect)
	}
	return limit
}

// replyDeadline is when the reply must be there: `timeout check` after the
// connect, or inter after the beginning.
func replyDeadline(begin time.Time, srv *config.Server, px *config.Proxy) time.Time {
	if px.Timeouts.Check > 0 {
		return time.Now().Add(px.Timeouts.Check)
	}
	return begin.Add(max(srv.Inter, minInterval))
}

// address is where a server is checked: `addr` and `port`, else its own.
func address(s *backend.Server) (network, addr string) {
	cfg := s.Config()
	switch cfg.Addr.Kind {
	case config.AddrUnix:
		return "unix", cfg.Addr.Path
	case config.AddrAbns:
		return "unix", "@" + cfg.Addr.Path
	}
	at := s.Addr()
	ip, port := at.Addr(), int(at.Port())
	if cfg.CheckAddr.IP.IsValid() {
		ip = cfg.CheckAddr.IP
	}
	if cfg.CheckAddr.Port != 0 {
		port = cfg.CheckAddr.Port
	}
	return "tcp", netip.AddrPortFrom(ip, uint16(port)).String()
}

// reset closes a connection that served to see the server only, without leaving
// a TIME_WAIT for each check.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// ours says that an error comes from our own limits.
func ours(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL,
		syscall.ENOBUFS, syscall.ENOMEM, syscall.EPERM, syscall.EACCES} {
		if errors.Is(err, e) {
			return true
		}
	}
	return errors.Is(err, context.Canceled)
}

// refused is the result of a connect that failed.
func refused(err error) backend.Result {
	if timedOut(err) {
		return backend.Result{Status: backend.CheckL4TOUT}
	}
	return backend.Result{Status: backend.CheckL4CON, Info: text(err)}
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
