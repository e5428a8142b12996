package rule

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"bascule/internal/lang"
)

// ACLs are the named ACLs of one proxy. The zero value is ready; ReadFile must
// be set for `-f` to work.
type ACLs struct {
	ReadFile func(path string) ([]byte, error)
	Library  *Library // nil: ReadFile reads files
	named    map[string]*acl
}

// An acl is one or more criteria under one name: one match is enough.
type acl struct {
	name string // "" when anonymous
	list []criterion
}

// A criterion is a sample and what it is compared with.
type criterion struct {
	keyword string // as written, without arguments
	word    lang.Word
	expr    *Expr
	pats    patterns
	mapped  bool   // -M
	text    string // the whole criterion
}

// match looks at every occurrence of the sample until one matches. A sample
// that is not there matches nothing.
func (a *acl) match(x *Ctx) bool {
	for i := range a.list {
		if a.list[i].match(x) {
			return true
		}
	}
	return false
}

// maxOccurrences bounds the values that one criterion looks at: a head of 16
// KiB holds no more elements than bytes.
const maxOccurrences = 16384

func (c *criterion) match(x *Ctx) bool {
	x.Scratch = x.Scratch[:0]
	s := &x.smp
	*s = Sample{all: true}
	for range maxOccurrences {
		s.more = false
		ok := c.expr.next(x, s)
		if ok && c.pats.match(x, s) {
			return true
		}
		if !s.more {
			return false
		}
		x.Scratch = x.Scratch[:0]
	}
	return false
}

// Parse adds the ACL that words declare: name, criterion, flags, patterns
// (what follows the keyword acl). A name may be declared several times.
func (a *ACLs) Parse(words []lang.Word, p *lang.Problems) {
	if len(words) == 0 {
		p.Alertf(lang.Word{}, "missing ACL name")
		return
	}
	name := words[0]
	for _, c := range []byte(name.Text) {
		if !isAlnum(c) && c != '-' && c != '_' && c != '.' && c != ':' {
			p.Alertf(name, "character '%c' is not permitted in acl name '%s'.", c, name.Text)
			return
		}
	}
	if strings.EqualFold(name.Text, "or") {
		p.Alertf(name, "acl name '%s' will never match. 'or' is used to express a logical disjunction within a condition.", name.Text)
		return
	}
	named := a.declare(name.Text) // also where it is wrong: its uses are not
	c, bad, err := a.parseCriterion(words[1:], p)
	if err != nil {
		if bad == (lang.Word{}) {
			bad = name
		}
		p.Alertf(bad, "error detected while parsing ACL '%s' : %v.", name.Text, err)
		hint(p, err)
		return
	}
	named.list = append(named.list, c)
}

// declare is the ACL of that name, new if need be.
func (a *ACLs) declare(name string) *acl {
	if a.named == nil {
		a.named = make(map[string]*acl)
	}
	if a.named[name] == nil {
		a.named[name] = &acl{name: name}
	}
	return a.named[name]
}

func (a *ACLs) library() *Library {
	switch {
	case a == nil:
		return nil
	case a.Library == nil:
		a.Library = &Library{ReadFile: a.ReadFile}
	}
	return a.Library
}

// Names lists the declared names.
func (a *ACLs) Names() []string {
	var names []string
	for name := range a.named {
		names = append(names, name)
	}
	return names
}

// parseCriterion compiles "criterion flags patterns"; bad is the word that the
// error is about.
func (a *ACLs) parseCriterion(words []lang.Word, p *lang.Problems) (c criterion, bad lang.Word, err error) {
	if len(words) == 0 || words[0].Text == "" {
		return c, at(words), errors.New("missing fetch method in ACL expression ''")
	}
	text := words[0].Text
	name, rest := cutName(text)
	fetchName, kind := aclKeyword(name)
	e, _, err := parseExpr([]lang.Word{{Text: fetchName + rest}}, a.library(), "ACL keyword '%s'")
	if err != nil {
		return c, words[0], criterionError(name, text, err)
	}
	e.text = text
	c.keyword, c.word, c.expr, c.text = name, words[0], e, joined(words)
	if kind == matchNone || len(e.convs) > 0 {
		kind = defaultMatch(e.kind())
	}
	c.pats.kind = kind
	c.pats.exact = e.kind() == KindMethod
	bad, err = a.parseFlags(&c, words[1:], p)
	return c, bad, err
}

// criterionError words an error as HAProxy does for ACLs.
func criterionError(name, text string, err error) error {
	why := err.Error()
	var unknown *nearError
	switch {
	case strings.HasPrefix(why, "unknown fetch method"):
		near := lang.Nearest(name, aclKeywords())
		return &nearError{fmt.Sprintf("%s in ACL expression '%s'", why, text), near}
	case strings.HasPrefix(why, "fetch '"):
		return err
	case errors.As(err, &unknown):
		return &nearError{fmt.Sprintf("ACL keyword '%s' : %s", name, why), unknown.near}
	}
	return fmt.Errorf("ACL keyword '%s' : %s", name, strings.TrimPrefix(why, "fetch method '"+aclBase(name)+"' : "))
}

// aclKeyword resolves ACL keywords such as path_beg into a fetch and a method.
func aclKeyword(name string) (fetchName string, kind matchKind) {
	if f, ok := aclAliases[name]; ok {
		return f, matchNone
	}
	i := strings.LastIndexByte(name, '_')
	if i < 0 || findFetch(name) != nil {
		return name, matchNone
	}
	kind, ok := matchNames[name[i+1:]]
	base := name[:i]
	if alias, is := aclAliases[base]; is {
		base = alias
	}
	if !ok || !slices.Contains(derived[base], name[i:]) {
		return name, matchNone
	}
	return base, kind
}

// aclKeywords lists what may begin a criterion.
func aclKeywords() []string {
	names := fetchNames()
	for base, suffixes := range derived {
		for _, suffix := range suffixes {
			names = append(names, base+suffix)
		}
	}
	return names
}

// aclAliases are keywords that mean another fetch in an ACL than elsewhere.
var aclAliases = map[string]string{"hdr": "req.hdr"}

// derivatives are the ends of ACL keywords that stand for a method.
var derivatives = []string{"_beg", "_dir", "_dom", "_end", "_len", "_reg", "_sub"}

// derived are the fetches with derivatives, and which.
var derived = map[string][]string{
	"base": derivatives, "cook": derivatives, "req.cook": derivatives, "hdr": derivatives, "req.hdr": derivatives, "path": derivatives,
	"scook": derivatives, "res.cook": derivatives, "shdr": derivatives, "res.hdr": derivatives, "url": derivatives, "urlp": derivatives, "url_param": derivatives,
	"ssl_fc_sni": {"_end", "_reg"},
}
