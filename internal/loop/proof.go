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
//
// Over TLS the same holds of the ciphertext: what the peer's kernel has not taken is
// not decrypted either, and a record is decrypted whole or not at all. How many bytes
// of it the last n became is counted since the peer's last word, with what TLS said of
// itself meanwhile (the answer to a new key, an alert): too many bytes that must be
// unacknowledged are no proof, too few would be a wrong one. The handshake, tickets
// and keys of before do not matter, for acknowledgements come in order. If the peer
// spoke after a part of the n was sent, there is no proof: they may be why. The
// peer's end is that of its TCP, or close_notify (RFC 8446 §6.1), which carries the
// acknowledgement as well as FIN does, and behind which it cannot answer any more.
func (c *Conn) Untaken(n int64) bool {
	if c.closed || c.dialing || !c.endedInOrder() {
		return false
	}
	if c.secure {
		s := c.side()
		if s.said < n {
			return false
		}
		n = s.sealed
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
