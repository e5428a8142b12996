package rule

import "bascule/internal/lang"

// CheckSwitch warns where a condition of use_backend asks for what is not there
// before the reply.
func (c *Cond) CheckSwitch(p *lang.Problems) {
	c.check(place{set: HTTPRequest, front: true, text: "frontend use-backend rule"}, p)
}

// check warns, as HAProxy does, of the first ACL that cannot match here
// because it asks for the other side's message.
func (c *Cond) check(at place, p *lang.Problems) {
	if c == nil {
		return
	}
	for _, g := range c.groups {
		for _, t := range g {
			if t.acl.check(c.word, at, p) {
				return
			}
		}
	}
}

func (a *acl) check(w lang.Word, at place, p *lang.Problems) (warned bool) {
	var bad *criterion
	n := 0
	for i := range a.list {
		if !at.allows(a.list[i].expr.fetch.need) {
			n++
			if bad == nil {
				bad = &a.list[i]
			}
		}
	}
	switch {
	case n == 0:
		return false
	case a.name == "":
		p.Warnf(w, "anonymous acl will never match because it uses keyword '%s' which is incompatible with '%s'", bad.keyword, at)
	case n == len(a.list):
		p.Warnf(w, "acl '%s' will never match because it only involves keywords that are incompatible with '%s'", a.name, at)
	default:
		p.Warnf(w, "acl '%s' involves keyword '%s' which is incompatible with '%s'", a.name, bad.keyword, at)
	}
	return true
}
