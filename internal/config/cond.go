package config

import (
	"fmt"

	"bascule/internal/lang"
)

// A branch is one level of .if.
type branch struct {
	at    lang.Word
	taken bool // a block of this level was true, or the level above is skipped
	open  bool // lines of this block count
	other bool // .else was seen
}

// A conditionStack holds the levels of .if that are open.
type conditionStack []branch

// maxConditions bounds the nesting of .if: deeper is a mistake, not a condition.
const maxConditions = 64

func (c conditionStack) skipping() bool {
	return len(c) > 0 && !c[len(c)-1].open
}

// directive handles a line that begins with a dot.
func (c *conditionStack) directive(l *loader, words []lang.Word) {
	name := words[0].Text
	switch name {
	case ".if":
		c.begin(l, words)
	case ".elif":
		c.elseIf(l, words)
	case ".else":
		c.otherwise(l, words)
	case ".endif":
		if len(*c) == 0 {
			l.problems.Alertf(words[0], "lone '.endif' with no matching '.if'.")
			return
		}
		c.tooMany(l, words, 1)
		*c = (*c)[:len(*c)-1]
	case ".diag", ".notice", ".warning", ".alert":
		if !c.skipping() && c.tooMany(l, words, 2) {
			say(l, words)
		}
	default:
		l.problems.Alertf(words[0], "unknown directive '%s'.", name)
	}
}

func (c *conditionStack) begin(l *loader, words []lang.Word) {
	if len(*c) == maxConditions {
		l.problems.Alertf(words[0], "too many nested '.if', max is %d.", maxConditions)
		return
	}
	if c.skipping() {
		*c = append(*c, branch{at: words[0], taken: true})
		return
	}
	value := l.condition(words)
	*c = append(*c, branch{at: words[0], taken: value, open: value})
}

func (c *conditionStack) elseIf(l *loader, words []lang.Word) {
	if len(*c) == 0 {
		l.problems.Alertf(words[0], "lone '.elif' with no matching '.if'.")
		return
	}
	b := &(*c)[len(*c)-1]
	if b.other {
		l.problems.Alertf(words[0], "'.elif' after '.else' is not permitted.")
		return
	}
	if b.taken {
		b.open = false
		return
	}
	b.open = l.condition(words)
	b.taken = b.open
}

func (c *conditionStack) otherwise(l *loader, words []lang.Word) {
	if len(*c) == 0 {
		l.problems.Alertf(words[0], "lone '.else' with no matching '.if'.")
		return
	}
	b := &(*c)[len(*c)-1]
	if b.other {
		l.problems.Alertf(words[0], "'.else' after '.else' is not permitted.")
		return
	}
	c.tooMany(l, words, 1)
	b.other, b.open, b.taken = true, !b.taken, true
}

// tooMany complains about words behind the first n.
func (c *conditionStack) tooMany(l *loader, words []lang.Word, n int) bool {
	if len(words) <= n {
		return true
	}
	l.problems.Alertf(words[n], "Unexpected argument '%s' for '%s'. Use quotes if the message should contain spaces.", words[n].Text, words[0].Text)
	return false
}

// end complains about levels that the file leaves open, at its last line as
// HAProxy does.
func (c conditionStack) end(l *loader) {
	if len(c) > 0 {
		l.problems.List = append(l.problems.List, lang.Problem{Severity: lang.Alert, Pos: lang.Pos{File: l.pos.File, Line: l.pos.Line},
			Text: fmt.Sprintf("non-terminated '.if' block (line %d).", c[len(c)-1].at.Pos.Line)})
	}
}

// condition evaluates what stands behind .if or .elif, all of it.
func (l *loader) condition(words []lang.Word) bool {
	if len(words) < 2 {
		return false
	}
	w := span(words[1:])
	value, err := evaluate(w.Text, l.env, l.lookup)
	if err != nil {
		l.problems.Alertf(w, "%s in '%s'.", err, words[0].Text)
	}
	return value
}

// say emits the message of .notice and its like.
func say(l *loader, words []lang.Word) {
	text := ""
	if len(words) > 1 {
		text = words[1].Text
	}
	severity := map[string]lang.Severity{".diag": lang.Diag, ".notice": lang.Notice, ".warning": lang.Warning, ".alert": lang.Alert}[words[0].Text]
	if severity == lang.Diag && !l.env.Diagnose {
		return
	}
	w := words[0]
	l.problems.List = append(l.problems.List, lang.Problem{Severity: severity, Pos: w.Pos, Len: w.Len, Text: "'" + text + "'."})
}
