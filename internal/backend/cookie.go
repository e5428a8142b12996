package backend

import (
	"encoding/binary"
	"fmt"
	"time"

	"bascule/internal/balance"
	"bascule/internal/config"
)

// AppendSetCookie appends the value of the Set-Cookie field that makes the
// client come back to srv: NAME=VALUE; path=/, then domains, HttpOnly, Secure
// and attributes (HAProxy: cookie … insert). For a server without a cookie
// value it makes the client forget the one it has.
func (b *Backend) AppendSetCookie(dst []byte, c *config.Cookie, srv *Server) []byte {
	return b.AppendSetCookieSince(dst, c, srv, 0)
}

// AppendSetCookieSince is AppendSetCookie for a client whose first visit is
// known (Choice.First, unix seconds; 0: now is the first). It matters with
// maxlife only.
func (b *Backend) AppendSetCookieSince(dst []byte, c *config.Cookie, srv *Server, first int64) []byte {
	dst = append(dst, c.Name...)
	dst = append(dst, '=')
	if value := srv.Cookie(); value != "" {
		dst = append(dst, value...)
		dst = appendDates(dst, c, first)
	} else {
		dst = append(dst, "; Expires=Thu, 01-Jan-1970 00:00:01 GMT"...)
	}
	dst = append(dst, "; path=/"...)
	for _, d := range c.Domains {
		dst = append(dst, "; domain="...)
		dst = append(dst, d...)
	}
	if c.HTTPOnly {
		dst = append(dst, "; HttpOnly"...)
	}
	if c.Secure {
		dst = append(dst, "; Secure"...)
	}
	for _, a := range c.Attrs {
		dst = append(dst, "; "...)
		dst = append(dst, a...)
	}
	return dst
}

// appendDates appends the last date, and with maxlife the first one; now is
// rounded up to what a date can hold.
func appendDates(dst []byte, c *config.Cookie, first int64) []byte {
	if c.MaxIdle == 0 && c.MaxLife == 0 {
		return dst
	}
	now := time.Now().Unix() + 1<<dateShift - 1
	dst = appendDate(dst, now)
	if c.MaxLife == 0 {
		return dst
	}
	if first == 0 {
		first = now
	}
	return appendDate(dst, first)
}

// Cookie is the value of the backend's cookie that stands for the server; "":
// none does.
func (s *Server) Cookie() string { return *s.cookie.Load() }

// setCookie takes over the value of the line, or makes one of the secret, the
// address and the port (HAProxy: dynamic-cookie-key).
func (s *Server) setCookie(c *config.Server, p *config.Proxy) {
	value := c.Cookie
	at := s.Addr()
	if value == "" && p.Cookie != nil && p.Cookie.Dynamic && p.CookieKey != "" && at.Addr().IsValid() {
		text := append([]byte(p.CookieKey), at.Addr().AsSlice()...)
		text = binary.BigEndian.AppendUint32(text, uint32(at.Port()))
		value = fmt.Sprintf("%016x", balance.XXH64(text, 0))
	}
	s.cookie.Store(&value)
}
