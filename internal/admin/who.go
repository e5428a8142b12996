package admin

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Who is the client of the session, for logs: the user of a local one with the
// socket that it came by, the address of another.
func (c *Call) Who() string {
	if conn, ok := c.conn.(syscall.Conn); ok && c.conn.LocalAddr().Network() == "unix" {
		if raw, err := conn.SyscallConn(); err == nil {
			var peer *unix.Ucred
			_ = raw.Control(func(fd uintptr) { peer, _ = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
			if peer != nil {
				return fmt.Sprintf("uid %d on %s", peer.Uid, c.name)
			}
		}
	}
	return c.conn.RemoteAddr().String() + " on " + c.name
}
