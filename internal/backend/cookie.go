package backend

import (
	"time"

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
	if value := srv.Config().Cookie; value != "" {
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
