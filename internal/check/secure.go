package check

import (
	"cmp"
	"crypto/tls"
	"errors"
	"syscall"

	"bascule/internal/backend"
	"bascule/internal/cert"
	"bascule/internal/config"
)

// secure makes the handshake of TLS on the step's connection.
func (r *run) secure(cfg *config.Server, d *config.CheckDial) (over bool) {
	name, protocols := d.SNI, d.ALPN
	if d.Default {
		name = cmp.Or(name, cfg.CheckSNI)
		if protocols == nil {
			protocols = cfg.CheckALPN
		}
	}
	with := cfg.CheckTLS.For(name)
	if protocols != nil {
		with = with.Clone()
		with.NextProtos = protocols
	}
	conn := tls.Client(r.conn, with)
	err := conn.HandshakeContext(r.ctx)
	switch {
	case err == nil:
		r.conn, r.secured = conn, true
		return false
	case timedOut(err):
		return r.end(backend.CheckL6TOUT, r.where())
	}
	return r.end(backend.CheckL6RSP, whyShake(err)+r.where())
}

// whyShake is why there was no handshake in HAProxy's words, and in parentheses
// what is wrong, which HAProxy does not tell.
func whyShake(err error) string {
	said := "SSL handshake failure"
	switch {
	case errors.Is(err, cert.ErrOtherName):
		said = "Server presented an SSL certificate different from the expected one"
	case errors.Is(err, cert.ErrOtherHost):
		said = "Server presented an SSL certificate different from the configured one"
	}
	return said + " (" + text(cert.Reason(err)) + ")"
}

// whyBroken is why a connection failed, behind its handshake too.
func (r *run) whyBroken(err error) string {
	if errno := syscall.Errno(0); r.secured && !errors.As(err, &errno) {
		return "SSL fatal error (" + text(err) + ")"
	}
	return text(err)
}
