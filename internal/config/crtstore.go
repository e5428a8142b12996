package config

import (
	"path/filepath"
	"strings"

	"bascule/internal/cert"
	"bascule/internal/lang"
)

// A certStore is a crt-store section while its lines are read (HAProxy 3.x).
type certStore struct {
	name             string // "": none
	crtBase, keyBase string // those of global where it has none of its own
}

// enterStore begins `crt-store [NAME]`.
func (l *loader) enterStore(words []lang.Word) {
	s := &certStore{crtBase: l.cfg.Global.CrtBase, keyBase: l.cfg.Global.KeyBase}
	l.section = sectionState{kind: "crt-store", name: "crt-store", skip: true}
	if len(words) > 1 {
		s.name, l.section.name = words[1].Text, words[1].Text
	}
	if len(words) > 2 {
		l.problems.Alertf(words[2], "'crt-store' section only supports a name argument.")
		return
	}
	l.section.skip = false
	l.section.line = func(words []lang.Word) {
		x := &line{loader: l, kw: &Keyword{Name: words[0].Text}, name: words[0], args: words[1:]}
		x.storeLine(s)
	}
}

func (x *line) storeLine(s *certStore) {
	base := &s.crtBase
	switch x.name.Text {
	case "load":
		x.load(s)
		return
	case "crt-base":
	case "key-base":
		base = &s.keyBase
	default:
		x.unknownIn(x.name, "crt-store", "crt-base", "key-base", "load")
		return
	}
	if x.arg(0) == "" {
		x.alert(x.name, "'%s' requires a <path> argument.", x.name.Text)
	} else if x.atMost(1) {
		*base = x.arg(0)
	}
}

// storeWords are those of a load line, and storePlanned those of HAProxy that are not read.
var (
	storeWords   = []string{"alias", "crt", "issuer", "key", "ocsp", "ocsp-update", "sctl"}
	storePlanned = []string{"acme", "domains", "generate", "jwt"}
)

// load reads `load crt FILE [key FILE] [ocsp FILE] [issuer FILE] [sctl FILE] [alias NAME]`.
func (x *line) load(s *certStore) {
	var n cert.Named
	alias := ""
	files := map[string]*string{"crt": &n.Crt, "key": &n.Key, "ocsp": &n.OCSP, "issuer": &n.Issuer, "sctl": &n.SCTL, "alias": &alias}
	for args := x.args; len(args) > 0; {
		w := args[0]
		var value lang.Word
		if args = args[1:]; len(args) > 0 {
			value, args = args[0], args[1:]
		}
		target := files[w.Text]
		switch {
		case contains(storePlanned, w.Text):
			x.alert(w, "keyword '%s' is known but not supported yet: certificates come from files.", w.Text)
			return
		case target == nil && w.Text != "ocsp-update":
			x.alert(w, "'load %s' in section 'crt-store': unknown keyword '%[1]s'.", w.Text)
			q := &x.problems.List[len(x.problems.List)-1]
			q.Near, q.Allowed = lang.Nearest(w.Text, storeWords), storeWords
			return
		case value.Text == "":
			x.alert(w, "'load %s' in section 'crt-store': missing value.", w.Text)
			return
		case w.Text == "alias" && strings.HasPrefix(value.Text, "/"):
			x.alert(value, "cannot parse 'alias' value '%s', '/' is forbidden as the first character.", value.Text)
			return
		case target != nil:
			*target = value.Text
		case value.Text == "on":
			x.alert(value, "'ocsp-update on' is known but not supported yet: responses are read from files.")
			return
		case value.Text != "off":
			x.alert(value, "cannot parse 'ocsp-update' value '%s', 'on' or 'off' is expected.", value.Text)
			return
		}
	}
	if n.Crt == "" {
		x.alert(x.name, "'load' in section 'crt-store': mandatory 'crt' parameter not found.")
		return
	}
	name := s.title(n.Crt, alias)
	for file, target := range files {
		switch {
		case file == "alias" || *target == "":
		case file == "key":
			*target = under(s.keyBase, *target)
		default:
			*target = under(s.crtBase, *target)
		}
	}
	x.store(name, n)
}

// title is what a certificate of the store is known by.
func (s *certStore) title(crt, alias string) string {
	switch {
	case alias != "":
		return "@" + s.name + "/" + alias
	case s.name != "":
		return "@" + s.name + "/" + strings.TrimPrefix(crt, "/")
	}
	return under(s.crtBase, crt)
}

func (x *line) store(name string, n cert.Named) {
	key := x.certKey(name)
	if x.certs[key] != nil {
		x.alert(x.name, "'load' in section 'crt-store': store '%s' was already defined.", name)
		return
	}
	c, err := n.Load(name, x.certFiles())
	if err != nil {
		x.alert(x.name, "'load' in section 'crt-store': %s", err)
		return
	}
	if c.Ignored != "" {
		x.whole(lang.Warning, "%s", c.Ignored)
	}
	x.certs[key] = []*cert.Certificate{c}
}

// certKey is what the certificates of a path are known by, whatever directory it is
// said from.
func (l *loader) certKey(path string) string {
	if cert.IsNamed(path) {
		return path
	}
	return filepath.Clean(l.named(path))
}
