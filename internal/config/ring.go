package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"bascule/internal/lang"
	"bascule/internal/logs"
)

// ringKeywords are the lines of a ring section.
var ringKeywords = []string{"backing-file", "description", "format", "maxlen", "server", "size", "timeout"}

// maxRing bounds a ring: all of it is memory from the start.
const maxRing = 1 << 30

// enterRing begins `ring NAME`.
func (l *loader) enterRing(words []lang.Word) {
	l.section = sectionState{kind: "ring", name: "ring", skip: true}
	if len(words) < 2 || words[1].Text == "" {
		l.problems.Alertf(words[0], "missing ring name.")
		return
	}
	name := words[1]
	if i := badName(name.Text); i >= 0 {
		l.problems.Alertf(name, "invalid ring name '%s' (character '%c' is not permitted).", name.Text, name.Text[i])
		return
	}
	if l.ring(name.Text) != nil || name.Text == "buf0" || name.Text == "stdout" || name.Text == "stderr" {
		l.problems.Alertf(name, "sink named '%s' already exists.", name.Text)
		return
	}
	r := &logs.Section{Name: name.Text, Text: name.Text, Format: "raw", Size: logs.DefaultRingSize, MaxLen: logs.DefaultRingSize}
	l.cfg.Rings = append(l.cfg.Rings, r)
	l.section = sectionState{kind: "ring", name: name.Text, line: func(words []lang.Word) {
		x := &line{loader: l, kw: &Keyword{Name: words[0].Text}, name: words[0], args: words[1:]}
		x.ringLine(r)
	}}
}

func (l *loader) ring(name string) *logs.Section {
	for _, r := range l.cfg.Rings {
		if r.Name == name {
			return r
		}
	}
	return nil
}

func (x *line) ringLine(r *logs.Section) {
	switch x.name.Text {
	case "size":
		x.ringSize(r)
	case "maxlen":
		n, err := strconv.Atoi(x.arg(0))
		if err != nil || n <= 0 {
			x.alert(x.at(0), "invalid size '%s' for new sink buffer.", x.arg(0))
			return
		}
		r.MaxLen = n
	case "format":
		if !contains(logs.Formats, x.arg(0)) {
			x.alert(x.at(0), "unknown format '%s'.", x.arg(0))
			q := &x.problems.List[len(x.problems.List)-1]
			q.Near, q.Allowed = lang.Nearest(x.arg(0), logs.Formats), logs.Formats
			return
		}
		r.Format = x.arg(0)
	case "description":
		if x.arg(0) == "" {
			x.alert(x.name, "missing ring description text.")
			return
		}
		r.Text = x.arg(0)
	case "backing-file":
		if x.arg(0) == "" {
			x.alert(x.name, "cannot open backing-file '' for ring '%s': No such file or directory.", r.Name)
			return
		}
		r.File = x.arg(0)
	case "timeout":
		x.ringTimeout(r)
	case "server":
		x.ringServer(r)
	default:
		x.unknownIn(x.name, "ring", ringKeywords...)
	}
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

// ringSize reads `size`; HAProxy never makes a ring smaller.
func (x *line) ringSize(r *logs.Section) {
	n, err := lang.ParseSize(x.arg(0))
	switch {
	case err != nil || n <= 0 || n > maxRing:
		x.alert(x.at(0), "invalid size '%s' for new sink buffer.", x.arg(0))
	case r.File != "":
		x.alert(x.at(0), "cannot resize an already mapped file, please specify 'size' before 'backing-file'.")
	case n < r.Size:
		x.alert(x.at(0), "ignoring new size '%d' that is smaller than current size '%d' for ring '%s'.", n, r.Size, r.Name)
	default:
		r.Size = n
	}
}

func (x *line) ringTimeout(r *logs.Section) {
	field := map[string]*time.Duration{"connect": &r.Connect, "server": &r.Wait}[x.arg(0)]
	if field == nil {
		return // HAProxy reads over the others
	}
	if x.arg(1) == "" {
		x.alert(x.at(0), "'timeout %s' expects <time> as argument.", x.arg(0))
		return
	}
	d, err := lang.ParseTime(x.arg(1), time.Millisecond)
	if err != nil {
		x.alert(x.at(1), "%s in argument to <timeout %s>.", err, x.arg(0))
		return
	}
	*field = d
}

// ringIdle are the options of servers that HAProxy reads for the server of a ring
// too, and that change nothing there: every line goes to each server, whatever a
// check says of it or its line.
var ringIdle = []string{
	"addr", "backup", "check", "disabled", "downinter", "enabled", "fall", "fastinter", "hash-key", "init-addr", "inter", "maxconn", "maxqueue", "minconn",
	"no-backup", "no-check", "on-marked-down", "on-marked-up", "pool-max-conn", "port", "rise", "slowstart", "weight",
}

// ringServer reads `server NAME ADDRESS [log-proto legacy|octet-count]`, and options
// without meaning for a ring.
func (x *line) ringServer(r *logs.Section) {
	if x.arg(1) == "" {
		x.alert(x.name, "'server' expects <name> and <addr>[:<port>] as arguments.")
		return
	}
	s := logs.RingServer{Name: x.arg(0)}
	if s.Addr = logs.ResolveTCP(x.args[1], x.problems); s.Addr == "" {
		return
	}
	o := &options{line: x, shape: lang.Placed, rest: x.args[2:], srv: &Server{Name: s.Name}, subject: "'server " + r.Name + "/" + s.Name + "'"}
	for len(o.rest) > 0 && o.rest[0].Text != "" {
		o.opt = o.take()
		switch kw, _, _ := x.table.find([]lang.Word{o.opt}, OnServer); {
		case o.opt.Text == "log-proto":
			switch w := o.take(); w.Text {
			case "octet-count", "legacy":
				s.OctetCount = w.Text == "octet-count"
			default:
				o.bad(w, "'log-proto' expects one of 'legacy' or 'octet-count' but got '%s'.", w.Text)
				return
			}
		case kw != nil && slices.Contains(ringIdle, kw.Name):
			x.cfg.Ignored = append(x.cfg.Ignored, Ignored{Line: place(o.opt.Pos), Keyword: kw.Name, Why: "a ring sends each line to all of its servers"})
			kw.option(o)
		default:
			o.bad(o.opt, "'%s' is known but not supported yet for the server of a ring, log-proto alone is.", o.opt.Text)
			return
		}
	}
	r.Servers = append(r.Servers, s)
}

// settleRings gives the log lines the rings that they name.
func (l *loader) settleRings() {
	for _, r := range l.cfg.Rings {
		if r.MaxLen > r.Size {
			if r.MaxLen != logs.DefaultRingSize {
				l.whole(lang.Warning, "ring '%s' event max length '%d' exceeds size, forced to size '%d'.", r.Name, r.MaxLen, r.Size)
			}
			r.MaxLen = r.Size
		}
		if len(r.Servers) > 0 && (r.Connect == 0 || r.Wait == 0) {
			l.whole(lang.Warning, "%s", strings.Join(missingTimeouts("backend '"+r.Name+"'"), "\n"))
		}
	}
	for _, t := range l.cfg.Global.Logs {
		l.settleRing(t)
	}
	for _, d := range l.drafts {
		for _, line := range d.logs {
			if line.target != nil {
				l.settleRing(line.target)
			}
		}
	}
}

// settleRing makes a target's lines those of its ring, whose format counts.
func (l *loader) settleRing(t *logs.Target) {
	name, ok := strings.CutPrefix(t.Addr, logs.RingPrefix)
	if !ok || t.Ring != nil {
		return
	}
	r := l.ring(name)
	if r == nil { // HAProxy says nothing, and such lines go nowhere
		l.whole(lang.Warning, "log : there is no ring '%s', lines for it are lost.", name)
		r = &logs.Section{Name: name, Text: "not declared", Size: 1, MaxLen: 1}
	}
	t.Ring, t.Format, t.Len = r, r.Format, min(t.Len, r.MaxLen)
}
