package loop

import "golang.org/x/sys/unix"

// Untaken is proof that the peer has taken none of the last n bytes that were
// given to Send: it has ended its side in order, and its acknowledgement stops in
// front of them. A peer that closes a connection answers later bytes by a reset
// and never reads them.
//
// A reset alone proves nothing: one that follows a whole request at once carries
// no acknowledgement of it either. So the reset must come behind the end, which
// the kernel tells as EPIPE (Linux, net/ipv4/tcp_input.c: tcp_reset). A socket
// that is not of TCP has no acknowledgements, and no proof here.
//
// The kernel is asked only here, when a connection is lost: what is not
// acknowledged (SIOCOUTQ) says it all, so that nothing has to be noted when a
// connection is used again.
func (c *Conn) Untaken(n int64) bool {
	if c.closed || c.dialing || c.secure || !c.endedInOrder() { // n counts what was not encrypted
		return false
	}
	domain, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || domain != unix.AF_INET && domain != unix.AF_INET6 {
		return false
	}
	waiting, err := unix.IoctlGetInt(int(c.fd), unix.SIOCOUTQ)
	return err == nil && int64(waiting+c.Pending()) >= n
}

// endedInOrder says that the peer's end has come, and no reset before it.
func (c *Conn) endedInOrder() bool {
	const reset, end = errno(unix.ECONNRESET), errno(unix.EPIPE)
	return c.end != reset && c.err != reset && (c.end == eof || c.end == end || c.err == end)
}
