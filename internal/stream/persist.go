package stream

import (
	"bytes"

	"bascule/internal/rule"
	"bascule/internal/wire"
)

// usualName is the length of a cookie's name up to which nothing is allocated.
const usualName = 128

// requestCookie finds what the client's cookies of that name say.
func (l *Life) requestCookie(req *wire.Request) {
	var at wire.CookiePlace
	var memory [usualName]byte
	name := append(memory[:0], l.cfg.Cookie.Name...)
	if v, ok := wire.NextCookie(&req.Head, name, &at); ok {
		l.args.Cookie = v
		l.args.Second, _ = wire.NextCookie(&req.Head, name, &at)
	}
}

// cookiePrefix stands between the server's part and the application's part of
// a value with cookie … prefix.
const cookiePrefix = '~'

// hideCookie takes from the request what the server need not see of it.
func (l *Life) hideCookie(req *wire.Request) {
	var memory [usualName]byte
	name := append(memory[:0], l.cfg.Cookie.Name...)
	switch ck := l.cfg.Cookie; {
	case ck.Insert && ck.Indirect:
		req.RemoveCookie(name)
	case ck.Prefix:
		req.CutCookies(name, cookiePrefix)
	}
}

// replyCookie inserts, changes, passes or removes the persistence cookie of a
// reply, and sets the fourth letter of the termination code.
func (l *Life) replyCookie(x *rule.Ctx) {
	ck := l.cfg.Cookie
	if ck == nil {
		l.setBack = '-'
		return
	}
	if l.setBack = 'N'; l.noCookie {
		return
	}
	l.serverCookie(x)
	found := l.setBack == 'P'
	if !ck.Insert || l.direct && !l.refresh || found && ck.Preserve {
		return
	}
	if ck.PostOnly && l.method != wire.MethodPost {
		return
	}
	l.setBack = 'I'
	if l.direct && l.srv.Cookie() != "" {
		l.setBack = 'U'
	}
	first := l.firstSeen
	if !l.direct {
		first = 0
	}
	x.Scratch = l.be.AppendSetCookieSince(x.Scratch[:0], ck, l.srv, first)
	x.Res.Add(setCookie, x.Scratch)
	if ck.NoCache && cacheable(x.Res, l.method) {
		x.Res.AddString("Cache-control", "private")
	}
}

var setCookie = []byte("Set-Cookie")

// serverCookie looks for cookies of that name which the server set itself. With
// insert they go, since another one takes their place, and with indirect if the
// client's cookie was right; preserve keeps them; rewrite and prefix put the
// server's value into them.
func (l *Life) serverCookie(x *rule.Ctx) {
	ck, mine := l.cfg.Cookie, l.srv.Cookie()
	for i := x.Res.FindID(wire.FieldSetCookie, 0); i >= 0; i = x.Res.FindID(wire.FieldSetCookie, i+1) {
		v := x.Res.Value(&x.Res.Fields[i])
		name, value, ok := wire.SetCookiePair(v)
		if !ok || string(v[name.Off:name.End]) != ck.Name {
			continue
		}
		l.setBack = 'P'
		switch {
		case ck.Preserve:
		case ck.Insert, l.direct && ck.Indirect:
			x.Res.Delete(i)
			l.setBack = 'D'
		case mine != "" && ck.Rewrite:
			x.Res.SplicePair(i, value, mine)
			l.setBack = 'R'
		case mine != "" && ck.Prefix:
			value.End = value.Off
			x.Res.SplicePair(i, value, mine, string(cookiePrefix))
			l.setBack = 'R'
		}
	}
}

// cacheable says whether a shared cache might keep the reply, by its headers:
// only then does nocache have anything to forbid.
func cacheable(r *wire.Reply, method wire.Method) bool {
	switch method {
	case wire.MethodGet, wire.MethodHead, wire.MethodOptions, wire.MethodTrace:
	default:
		return false
	}
	switch r.Status {
	case 200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501:
	default:
		return false
	}
	fresh := r.FindID(wire.FieldExpires, 0) >= 0 || r.Find(eTag, 0) >= 0 || r.Find(lastModified, 0) >= 0
	for i := r.FindID(wire.FieldCacheControl, 0); i >= 0; i = r.FindID(wire.FieldCacheControl, i+1) {
		for v := r.Value(&r.Fields[i]); len(v) > 0; {
			var word []byte
			word, v, _ = bytes.Cut(v, comma)
			switch word = bytes.TrimSpace(word); {
			case forbids(word):
				return false
			case leads(word, "max-age"), leads(word, "s-maxage"):
				fresh = true
			}
		}
	}
	if i := r.Find(pragma, 0); i >= 0 && foldedIs(r.Value(&r.Fields[i]), "no-cache") {
		return false
	}
	return fresh
}

var (
	comma        = []byte{','}
	eTag         = []byte("ETag")
	lastModified = []byte("Last-Modified")
	pragma       = []byte("Pragma")
)

// forbids says whether a word of Cache-Control keeps shared caches away.
func forbids(word []byte) bool {
	for _, no := range [...]string{"no-cache", "no-store", "private", "max-age=0", "s-maxage=0"} {
		if foldedIs(word, no) {
			return true
		}
	}
	return false
}

func leads(word []byte, start string) bool {
	return len(word) >= len(start) && foldedIs(word[:len(start)], start)
}

// foldedIs compares with lower-case letters, without allocating.
func foldedIs(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
