package rule

import (
	"fmt"
	"strings"

	"bascule/internal/lang"
)

// A Cond is an `if` or `unless` with its ACLs. A nil Cond always matches.
type Cond struct {
	unless bool
	groups [][]term // one group is enough, of a group all terms are needed
	word   lang.Word
}

type term struct {
	acl *acl
	not bool
}

// Match evaluates the condition; unless is taken into account.
func (c *Cond) Match(x *Ctx) bool {
	if c == nil {
		return true
	}
	for _, g := range c.groups {
		if matchAll(g, x) {
			return !c.unless
		}
	}
	return c.unless
}

func matchAll(g []term, x *Ctx) bool {
	for i := range g {
		if g[i].acl.match(x) == g[i].not {
			return false
		}
	}
	return true
}

// ParseCond compiles words from `if` or `unless` on; no words give nil, and so
// does an error, after it was added to p.
func ParseCond(words []lang.Word, acls *ACLs, p *lang.Problems) *Cond {
	return ParseCondOf("", words, acls, p)
}

// ParseCondOf is ParseCond with the beginning of its problems' texts, such as
// "error detected while parsing switching rule"; " : " follows unless it ends
// in a colon and a blank.
func ParseCondOf(what string, words []lang.Word, acls *ACLs, p *lang.Problems) *Cond {
	if len(words) == 0 {
		return nil
	}
	if what != "" && !strings.HasSuffix(what, ": ") {
		what += " : "
	}
	c := &Cond{unless: words[0].Text == "unless", word: words[0]}
	if bad, err := c.parse(words[1:], acls, p); err != nil {
		if bad == (lang.Word{}) {
			bad = words[len(words)-1]
		}
		p.Alertf(bad, "%s%v.", what, err)
		hint(p, err)
		return nil
	}
	return c
}

func (c *Cond) parse(words []lang.Word, acls *ACLs, p *lang.Problems) (bad lang.Word, err error) {
	fresh, not := true, false
	for i := 0; i < len(words); i++ {
		text := words[i].Text
		for len(text) > 0 && text[0] == '!' {
			not, text = !not, text[1:]
		}
		switch text {
		case "":
			continue // a ! of its own
		case "or", "||":
			fresh, not = true, false
			continue
		}
		a := (*acl)(nil)
		if text == "{" {
			end := i + 1
			for end < len(words) && words[end].Text != "}" {
				end++
			}
			if end == len(words) {
				return words[i], fmt.Errorf("missing closing '}' in condition")
			}
			a, bad, err = acls.anonymous(words[i+1:end], p)
			if err != nil && bad == (lang.Word{}) {
				bad = words[i]
			}
			i = end
		} else {
			bad = words[i]
			a, err = acls.find(text, p)
		}
		if err != nil {
			return bad, err
		}
		if fresh {
			c.groups = append(c.groups, nil)
		}
		last := len(c.groups) - 1
		c.groups[last] = append(c.groups[last], term{a, not})
		fresh, not = false, false
	}
	return lang.Word{}, nil
}

func (a *ACLs) anonymous(words []lang.Word, p *lang.Problems) (*acl, lang.Word, error) {
	c, bad, err := a.parseCriterion(words, p)
	if err != nil {
		return nil, bad, err
	}
	return &acl{list: []criterion{c}}, bad, nil
}

func (a *ACLs) find(name string, p *lang.Problems) (*acl, error) {
	if a != nil && a.named[name] != nil {
		return a.named[name], nil
	}
	line, ok := predefined[name]
	if ok && line == nil {
		return nil, fmt.Errorf("the predefined ACL '%s' is known but not supported yet", name)
	}
	if ok {
		words := make([]lang.Word, len(line))
		for i, text := range line {
			words[i].Text = text
		}
		found, _, err := a.anonymous(words, p)
		if err == nil {
			found.name = name
		}
		return found, err
	}
	names := keys(predefined)
	if a != nil {
		names = append(a.Names(), names...)
	}
	return nil, &nearError{fmt.Sprintf("no such ACL : '%s'", name), lang.Nearest(name, names)}
}

// predefined are the ACLs of HAProxy's manual, 7.4; nil: planned.
var predefined = map[string][]string{
	"TRUE":           {"always_true"},
	"FALSE":          {"always_false"},
	"HTTP":           {"req.proto_http"},
	"HTTP_1.0":       {"req.ver", "1.0"},
	"HTTP_1.1":       {"req.ver", "1.1"},
	"HTTP_2.0":       {"req.ver", "2.0"},
	"HTTP_CONTENT":   {"req.hdr_val(content-length)", "gt", "0"},
	"HTTP_URL_ABS":   {"url_reg", "^[^/:]*://"},
	"HTTP_URL_SLASH": {"url_beg", "/"},
	"HTTP_URL_STAR":  {"url", "*"},
	"LOCALHOST":      {"src", "127.0.0.1/8", "::1"},
	"METH_CONNECT":   {"method", "CONNECT"},
	"METH_DELETE":    {"method", "DELETE"},
	"METH_GET":       {"method", "GET", "HEAD"},
	"METH_HEAD":      {"method", "HEAD"},
	"METH_OPTIONS":   {"method", "OPTIONS"},
	"METH_POST":      {"method", "POST"},
	"METH_PUT":       {"method", "PUT"},
	"METH_TRACE":     {"method", "TRACE"},
	"WAIT_END":       {"wait_end"},
	"REQ_CONTENT":    {"req.len", "gt", "0"},
	"RDP_COOKIE":     nil,
}
