package config

import (
	"fmt"
	"strconv"
	"time"

	"bascule/internal/lang"
)

// options walks the option words of a bind, server or socket line. Its own
// alerts begin with the line's subject: 'server b/x', 'bind :80'.
type options struct {
	*line
	subject string
	end     string // what its alerts end with
	shape   lang.Shape
	opt     lang.Word // the option whose parse function runs
	rest    []lang.Word
	srv     *Server
	bind    *bindDraft
	isDef   bool   // default-server
	nth     int    // of the servers of a server-template
	refused string // the reason of the last alert about a planned option: `ssl crt …` is one
}

// take is the next word; its text is "" at the end of the line.
func (o *options) take() lang.Word {
	if len(o.rest) == 0 {
		return lang.Word{Pos: o.opt.Pos, Len: o.opt.Len}
	}
	w := o.rest[0]
	o.rest = o.rest[1:]
	return w
}

// bad adds an alert in the words of this line.
func (o *options) bad(w lang.Word, format string, args ...any) {
	o.problem(w, fmt.Sprintf(format, args...), nil)
}

func (o *options) problem(w lang.Word, text string, allowed []string) {
	q := lang.Problem{Severity: lang.Alert, Pos: w.Pos, Len: w.Len, Shape: o.shape, Text: text + o.end, Allowed: allowed}
	if o.subject != "" {
		q.Text = o.subject + " : " + q.Text
	}
	if allowed != nil {
		q.Near = lang.Nearest(w.Text, allowed)
	}
	o.problems.List = append(o.problems.List, q)
}

// walk gives every option to the keyword table's record of it.
func (o *options) walk(in Section) {
	for len(o.rest) > 0 && o.rest[0].Text != "" {
		o.opt = o.take()
		kw, _, _ := o.table.find([]lang.Word{o.opt}, in)
		switch {
		case kw == nil:
			o.unknown(in)
			return
		case kw.Status == Planned:
			if o.refused != kw.Why {
				o.refused = kw.Why
				o.bad(o.opt, "keyword '%s' is known but not supported yet: %s.", o.opt.Text, kw.Why)
			}
			o.skipValues(kw)
		case kw.Status == Without:
			o.cfg.Ignored = append(o.cfg.Ignored, Ignored{Line: place(o.opt.Pos), Keyword: o.opt.Text, Why: kw.Why})
			if kw.option != nil { // a wrong value is wrong here too
				kw.option(o)
			} else {
				o.skipValues(kw)
			}
		default:
			kw.option(o)
		}
	}
}

// skipValues passes over the values of an option that is not read.
func (o *options) skipValues(kw *Keyword) {
	for i := 0; i < kw.Values; i++ {
		o.take()
	}
}

func (o *options) unknown(in Section) {
	names := o.table.names(in, "")
	text := fmt.Sprintf("unknown keyword '%s'", o.opt.Text)
	if near := lang.Nearest(o.opt.Text, names); near != "" {
		text += fmt.Sprintf("; did you mean '%s' maybe ?", near)
	}
	o.problem(o.opt, text, names)
}

// integer takes a number of at least low.
func (o *options) integer(low, high int) (int, bool) {
	w := o.take()
	n, err := strconv.Atoi(w.Text)
	switch {
	case w.Text == "":
		o.bad(w, "'%s' expects an integer argument.", o.opt.Text)
	case err != nil:
		o.bad(w, "'%s' expects an integer argument (got '%s').", o.opt.Text, w.Text)
	case n < low && low == 1:
		o.bad(w, "'%s' has to be > 0.", o.opt.Text)
	case n < low || n > high:
		o.bad(w, "'%s' has to be within %d and %d (got %d).", o.opt.Text, low, high, n)
	default:
		return n, true
	}
	return 0, false
}

// duration takes a time; without a unit it counts unit.
func (o *options) duration(unit time.Duration) (time.Duration, bool) {
	w := o.take()
	if w.Text == "" {
		o.bad(w, "'%s' expects a delay as argument.", o.opt.Text)
		return 0, false
	}
	d, err := lang.ParseTime(w.Text, unit)
	if err != nil {
		o.bad(w, "%s in '%s' argument.", err, o.opt.Text)
		return 0, false
	}
	return d, true
}

// text takes a word that may be anything but nothing.
func (o *options) text() (string, bool) {
	w := o.take()
	if w.Text == "" {
		o.bad(w, "'%s' expects an argument.", o.opt.Text)
	}
	return w.Text, w.Text != ""
}
