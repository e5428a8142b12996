package config

import (
	"errors"
	"strconv"
	"time"

	"bascule/internal/lang"
)

// A line is one keyword line while its parse function runs.
type line struct {
	*loader
	px   *draft // the proxy or defaults; nil in global
	kw   *Keyword
	name lang.Word // the keyword, all its words under one caret
	args []lang.Word
	no   bool // "no KEYWORD"
	dflt bool // "default KEYWORD"
}

// arg is the text of argument i, "" when there is none.
func (x *line) arg(i int) string {
	if i < len(x.args) {
		return x.args[i].Text
	}
	return ""
}

// at is argument i for a problem; behind the end it is the keyword.
func (x *line) at(i int) lang.Word {
	if i >= 0 && i < len(x.args) {
		return x.args[i]
	}
	return x.name
}

func (x *line) alert(w lang.Word, format string, args ...any) {
	x.problems.Alertf(w, format, args...)
}

func (x *line) note(w lang.Word, format string, args ...any) {
	x.problems.Notef(w, format, args...)
}

func (x *line) warn(w lang.Word, format string, args ...any) {
	x.problems.Warnf(w, format, args...)
}

// atMost complains about the arguments after the first n.
func (x *line) atMost(n int) bool {
	if len(x.args) <= n {
		return true
	}
	x.alert(x.args[n], "'%s' cannot handle unexpected argument '%s'.", x.kw.Name, x.args[n].Text)
	return false
}

// needs complains when there is no argument.
func (x *line) needs(what string) bool {
	if x.arg(0) != "" {
		return true
	}
	x.alert(x.name, "'%s' expects %s.", x.kw.Name, what)
	return false
}

// integer reads the one argument of a keyword that takes a number.
func (x *line) integer(low, high int) (int, bool) {
	if x.arg(0) == "" {
		x.alert(x.name, "'%s' expects an integer argument.", x.kw.Name)
		return 0, false
	}
	n, err := strconv.Atoi(x.arg(0))
	switch {
	case err != nil:
		x.alert(x.args[0], "'%s' expects an integer argument (got '%s').", x.kw.Name, x.arg(0))
	case n < low || n > high:
		x.alert(x.args[0], "'%s' value must be between %d and %d (was %d)", x.kw.Name, low, high, n)
	default:
		return n, x.atMost(1)
	}
	return 0, false
}

// size reads the one argument of a keyword that takes a number of bytes.
func (x *line) size(low, high int) (int, bool) {
	if x.arg(0) == "" {
		x.alert(x.name, "'%s' expects a size argument.", x.kw.Name)
		return 0, false
	}
	n, err := lang.ParseSize(x.arg(0))
	switch {
	case err != nil:
		x.alert(x.args[0], "'%s': %s in '%s'.", x.kw.Name, err, x.arg(0))
	case n < low || n > high:
		x.alert(x.args[0], "'%s' value must be between %d and %d (was %d)", x.kw.Name, low, high, n)
	default:
		return n, x.atMost(1)
	}
	return 0, false
}

// duration reads argument i, in milliseconds where it has no unit.
func (x *line) duration(i int, name string) (time.Duration, bool) {
	text := x.arg(i)
	if text == "" {
		x.alert(x.name, "'%s' expects an integer value (in milliseconds)", name)
		return 0, false
	}
	return x.timeOf(x.args[i], name, time.Millisecond)
}

// timeOf reads the time in w and words its errors as HAProxy does.
func (x *line) timeOf(w lang.Word, name string, unit time.Duration) (time.Duration, bool) {
	d, err := lang.ParseTime(w.Text, unit)
	switch {
	case err == nil:
		return d, true
	case errors.Is(err, lang.ErrTimerOverflow):
		x.alert(w, "timer overflow in argument '%s' to '%s' (maximum value is 2147483647 ms or ~24.8 days)", w.Text, name)
	default:
		x.alert(w, "%s in '%s'", err, name)
	}
	return 0, false
}

// span is one word over all of words, for a caret under them.
func span(words []lang.Word) lang.Word {
	first, last := words[0], words[len(words)-1]
	w := lang.Word{Text: joined(words), Pos: first.Pos, Len: first.Len}
	if first.Pos.Line == last.Pos.Line && last.Pos.Col >= first.Pos.Col {
		w.Len = last.Pos.Col + last.Len - first.Pos.Col
	}
	return w
}

const maxInt32 = 1<<31 - 1
