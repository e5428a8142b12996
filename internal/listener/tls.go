package listener

import (
	"errors"
	"io"
	"strings"
	"syscall"

	"bascule/internal/loop"
	"bascule/internal/stream"
)

// secure makes the handshake, where the bind has ssl, and lets the connection pass.
func (d Door) secure(c *loop.Conn, info stream.Client) {
	if d.TLS == nil {
		d.pass(c, info)
		return
	}
	g := &guest{Door: d, info: info}
	c.SetHandler(g) // who is told should it break
	c.SetDeadline(d.Fe.HandshakeTimeout())
	d.Shake.Serve(c, info.From.Addr(), d.TLS, func(err error) {
		switch {
		case errors.Is(err, loop.ErrHandshakeCrowded): // not logged one by one
			d.Fe.Leave(info.Of)
			c.Reset()
			return
		case err != nil:
			g.said = g.bytes(err)
			g.leave(c, whyShake(err))
			return
		}
		g.info.TLS = true
		g.pass(c, g.info)
	})
}

// bytes is 0 for a client that has not said a word before its end, which is what
// option dontlognull keeps out of the log.
func (g *guest) bytes(err error) int {
	if err == io.EOF { //nolint:errorlint // another one says what else has come
		return 0
	}
	return 1
}

// The reasons of a handshake's failure in the log, in HAProxy's words.
const (
	whyShakeTimeout = "Timeout during SSL handshake"
	whyShakeEnd     = "Connection closed during SSL handshake"
	whyShakeReset   = "Connection error during SSL handshake"
	whyShakeFailed  = "SSL handshake failure"
)

// whyShake is the reason for the log, and in parentheses what is wrong: HAProxy
// has that in its error-log-format only.
func whyShake(err error) string {
	var system syscall.Errno // of the socket
	switch {
	case errors.Is(err, loop.ErrHandshakeLate):
		return whyShakeTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return whyShakeEnd
	case errors.As(err, &system):
		return whyShakeReset
	}
	return whyShakeFailed + " (" + strings.Map(printable, err.Error()) + ")"
}

// printable keeps what a client's certificate may hold from ending the line.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '?'
	}
	return r
}
