package config

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"bascule/internal/cert"
	"bascule/internal/lang"
)

// listOptions are the words of bind lines that an entry of a crt-list takes.
var listOptions = []string{
	"allow-0rtt", "alpn", "ca-file", "ca-verify-file", "ciphers", "ciphersuites", "client-sigalgs", "crl-file", "curves", "ecdhe", "no-alpn", "no-ca-names", "npn",
	"ocsp-update", "sigalgs", "ssl-max-ver", "ssl-min-ver", "verify",
}

// An entryDraft is a certificate of a bind until its proxy is verified.
type entryDraft struct {
	cert.Entry
	conf *tlsConf // of its line in a crt-list; nil: the bind's
}

// bindCrtList reads `crt-list FILE`.
func bindCrtList(o *options) {
	w := o.take()
	if w.Text == "" {
		o.bad(w, "'crt-list' : missing certificate location")
		return
	}
	name := w.Text
	data, err := o.readNamed(name)
	if err != nil {
		o.bad(w, "'crt-list' : cannot open file '%s' : %s", name, errorText(err))
		return
	}
	outer := o.subject
	o.subject += " : 'crt-list'"
	defer func() { o.subject = outer }()
	number := 0
	for text := range bytes.Lines(data) {
		number++
		line, whole := strings.CutSuffix(string(text), "\n")
		if !whole {
			o.bad(w, "parsing [%s:%d]: Missing LF on last line, file might have been truncated at position %d.", name, number, len(text)+1)
			return
		}
		l, err := cert.ParseListLine(line)
		if err != nil {
			o.bad(w, "parsing [%s:%d]: %s", name, number, err)
			return
		}
		if l.Path == "" {
			continue
		}
		if l.Misplaced {
			o.warn(w, "%s : parsing [%s:%d]: malformated line, filters can't be between filename and options!", o.subject, name, number)
		}
		conf, ok := o.listConf(l, w, name, number)
		if !ok || !o.loadEntries(w, l.Path, entryDraft{Entry: cert.Entry{Filters: l.Filters, List: name, Line: number, Words: l.Options}, conf: conf}) {
			return
		}
	}
	if o.bind.tls.lists == nil {
		o.bind.tls.lists = map[string]int{}
	}
	o.bind.tls.lists[name] = number
}

// lineReader reads lines that the runtime socket adds to the crt-lists of a bind, by
// the code that reads the file's.
func (l *loader) lineReader(t *tlsDraft, whose string) cert.LineReader {
	global := Global{CrtBase: l.cfg.Global.CrtBase, CABase: l.cfg.Global.CABase}
	table, bind := l.table, t.tlsConf
	return func(added cert.ListLine, memory cert.Memory) (string, *cert.Options, error) {
		at := &loader{table: table, cfg: &Config{Global: global}, problems: &lang.Problems{}, trust: memory}
		in := &options{line: &line{loader: at}}
		conf, _ := in.listConf(added, lang.Word{}, "CLI", 1)
		var own *cert.Options
		if conf != nil {
			o := conf.over(bind).resolve(whose, func(severity lang.Severity, format string, args ...any) {
				if severity == lang.Alert {
					in.bad(lang.Word{}, format, args...)
				}
			})
			own = &o
		}
		for _, p := range at.problems.List {
			return "", nil, errors.New(p.Text)
		}
		return under(global.CrtBase, added.Path), own, nil
	}
}

// listConf reads the options of a line of a crt-list; nil where there are none.
func (o *options) listConf(l cert.ListLine, at lang.Word, name string, number int) (conf *tlsConf, ok bool) {
	if !l.Bracket {
		return nil, true
	}
	in := &options{line: o.line, subject: o.subject, bind: &bindDraft{}}
	for _, text := range l.Options {
		in.rest = append(in.rest, lang.Word{Text: text, Pos: at.Pos, Len: at.Len})
	}
	before := in.problems.Alerts()
	for len(in.rest) > 0 {
		in.opt = in.take()
		kw, _, _ := in.table.find([]lang.Word{in.opt}, OnBind)
		switch {
		case !slices.Contains(listOptions, in.opt.Text):
			in.problem(in.opt, "parsing ["+place(lang.Pos{File: name, Line: number})+"]: unknown ssl keyword "+in.opt.Text, listOptions)
		case kw.Status == Planned:
			in.bad(in.opt, "keyword '%s' is known but not supported yet: %s.", in.opt.Text, kw.Why)
			in.skipValues(kw)
		case kw.Values > 0 && len(in.rest) < kw.Values, kw.Usage != "" && len(in.rest) == 0:
			in.bad(in.opt, "parsing [%s:%d]: ssl args out of '[]' for %s", name, number, in.opt.Text)
		default:
			kw.option(in)
		}
		if in.problems.Alerts() > before {
			return nil, false
		}
	}
	return &in.bind.tls.tlsConf, true
}

// loadEntries reads the certificates that path names and adds them to the bind, each
// with what e says.
func (o *options) loadEntries(w lang.Word, path string, e entryDraft) bool {
	path = under(o.cfg.Global.CrtBase, path)
	key := o.certKey(path)
	list, read := o.certs[key]
	if !read {
		var err error
		if list, err = cert.Load(path, o.certFiles()); err != nil {
			o.bad(w, "%s", err)
			return false
		}
		o.certs[key] = list
	}
	for _, c := range list {
		if c.Ignored != "" && !read {
			o.whole(lang.Warning, "%s", c.Ignored)
		}
		e.Certificate = c
		o.bind.tls.certs = append(o.bind.tls.certs, e)
	}
	return true
}

// entries are the certificates of a bind with what their lines say.
func (t *tlsDraft) entries(resolve func(tlsConf) cert.Options) []*cert.Entry {
	list := make([]*cert.Entry, 0, len(t.certs))
	made := map[*tlsConf]*cert.Options{} // a line may name several files
	for _, d := range t.certs {
		e := d.Entry
		if d.conf != nil {
			if made[d.conf] == nil {
				own := resolve(d.conf.over(t.tlsConf))
				made[d.conf] = &own
			}
			e.Own = made[d.conf]
		}
		list = append(list, &e)
	}
	return list
}
