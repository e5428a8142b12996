package stream

import (
	"bytes"

	"bascule/internal/rule"
	"bascule/internal/wire"
)

// replyCookie inserts, passes or removes the persistence cookie of a reply,
// and sets the fourth letter of the termination code.
func (l *Life) replyCookie(x *rule.Ctx) {
	ck := l.cfg.Cookie
	if ck == nil {
		l.setBack = '-'
		return
	}
	l.setBack = 'N'
	found := l.serverCookie(x)
	if !ck.Insert || l.direct && !l.refresh || found && ck.Preserve {
		return
	}
	if ck.PostOnly && l.method != wire.MethodPost {
		return
	}
	l.setBack = 'I'
	first := l.firstSeen
	if l.direct {
		l.setBack = 'U'
	} else {
		first = 0
	}
	x.Scratch = l.be.AppendSetCookieSince(x.Scratch[:0], ck, l.srv, first)
	x.Res.Add(setCookie, x.Scratch)
	if ck.NoCache && cacheable(x.Res) {
		x.Res.AddString("Cache-control", "private")
	}
}

var setCookie = []byte("Set-Cookie")

// serverCookie looks for a cookie of that name which the server set itself;
// with insert or indirect it is removed, unless preserve.
func (l *Life) serverCookie(x *rule.Ctx) bool {
	ck := l.cfg.Cookie
	found := false
	for i := x.Res.FindID(wire.FieldSetCookie, 0); i >= 0; i = x.Res.FindID(wire.FieldSetCookie, i+1) {
		v := x.Res.Value(&x.Res.Fields[i])
		name, _, _ := bytes.Cut(v, []byte("="))
		if !bytes.Equal(bytes.TrimSpace(name), []byte(ck.Name)) {
			continue
		}
		found = true
		l.setBack = 'P'
		if !ck.Preserve && (ck.Insert || ck.Indirect) {
			x.Res.Delete(i)
			l.setBack = 'D'
		}
	}
	return found
}

// cacheable says whether a shared cache might keep the reply, by its headers:
// only then does nocache have anything to forbid.
func cacheable(r *wire.Reply) bool {
	switch r.Status {
	case 200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501:
	default:
		return false
	}
	fresh := r.FindID(wire.FieldExpires, 0) >= 0 || r.Find([]byte("ETag"), 0) >= 0 || r.Find([]byte("Last-Modified"), 0) >= 0
	for i := r.FindID(wire.FieldCacheControl, 0); i >= 0; i = r.FindID(wire.FieldCacheControl, i+1) {
		v := bytes.ToLower(r.Value(&r.Fields[i]))
		for _, no := range [...]string{"no-cache", "no-store", "private", "max-age=0"} {
			if bytes.Contains(v, []byte(no)) {
				return false
			}
		}
		fresh = fresh || bytes.Contains(v, []byte("max-age=")) || bytes.Contains(v, []byte("s-maxage=")) || bytes.Contains(v, []byte("public"))
	}
	return fresh
}
