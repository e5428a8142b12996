package backend

import "bascule/internal/config"

// AppendSetCookie appends the value of the Set-Cookie field that makes the
// client come back to srv: NAME=VALUE; path=/, then domains, HttpOnly, Secure
// and attributes (HAProxy: cookie … insert). For a server without a cookie
// value it makes the client forget the one it has.
func (b *Backend) AppendSetCookie(dst []byte, c *config.Cookie, srv *Server) []byte {
	dst = append(dst, c.Name...)
	dst = append(dst, '=')
	if value := srv.Config().Cookie; value != "" {
		dst = append(dst, value...)
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
