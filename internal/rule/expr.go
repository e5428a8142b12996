package rule

import (
	"errors"
	"fmt"
	"strings"

	"bascule/internal/lang"
)

// An Expr is a sample fetch with its converters: `req.hdr(host),lower`.
type Expr struct {
	fetch *fetch
	args  []arg
	convs []step
	text  string // as written
}

type step struct {
	conv *converter
	args []arg
}

// Eval gives the sample as text; false means that there is none. The bytes are
// valid until the next evaluation with the same Ctx.
func (e *Expr) Eval(x *Ctx) ([]byte, bool) {
	x.Scratch = x.Scratch[:0]
	s := &x.smp
	if !e.first(x, s) {
		return nil, false
	}
	return s.bytes(x), true
}

// Sample gives the sample with its type; it stays valid until the next
// evaluation with the same Ctx.
func (e *Expr) Sample(x *Ctx) (*Sample, bool) {
	x.Scratch = x.Scratch[:0]
	ok := e.first(x, &x.smp)
	return &x.smp, ok
}

// Text is the expression as it was written.
func (e *Expr) Text() string { return e.text }

func (e *Expr) first(x *Ctx, s *Sample) bool {
	*s = Sample{}
	return e.next(x, s)
}

const (
	// maxConverters bounds an expression, which runs for each request: nobody is known
	// to need ten.
	maxConverters = 256
	// A chain of converters may make maxMade times the bytes that were fetched, and
	// leastMade in any case. More is no sample: each of them can double what it is given
	// (hex), so that 30 make a gigabyte of one byte. HAProxy cuts at tune.bufsize.
	maxMade, leastMade = 64, 128 << 10
)

func (e *Expr) next(x *Ctx, s *Sample) bool {
	at := len(x.Scratch)
	if !e.fetch.eval(x, e.args, s) {
		return false
	}
	if len(e.convs) == 0 {
		return true
	}
	most := at + max(leastMade, maxMade*len(s.Bytes))
	for i := range e.convs {
		if !e.convs[i].conv.eval(x, e.convs[i].args, s) || len(x.Scratch) > most {
			return false
		}
	}
	return true
}

// kind is the type that the last step gives; KindNone: known only when run.
func (e *Expr) kind() Kind {
	k := e.fetch.kind
	for _, c := range e.convs {
		if c.conv.kind != KindNone {
			k = c.conv.kind
		}
	}
	return k
}

// ParseExpr compiles the expression that words begin with. Converters follow
// the fetch after commas, or as words of their own; used counts the words
// taken. The error's text is HAProxy's, without a position.
func ParseExpr(words []lang.Word) (e *Expr, used int, err error) { return parseExpr(words, nil, "") }

// parseExpr is ParseExpr with the library that files and names belong to; what
// is HAProxy's noun for the fetch where a name is not found.
func parseExpr(words []lang.Word, lib *Library, what string) (e *Expr, used int, err error) {
	if len(words) == 0 || words[0].Text == "" {
		return nil, 0, errors.New("missing fetch method")
	}
	e, rest, err := parseFetch(words[0].Text, lib, what)
	if err != nil {
		return nil, 0, err
	}
	if err := e.parseConverters(rest, lib); err != nil {
		return nil, 0, err
	}
	used = 1
	for used < len(words) && words[used].Text != "," && startsConverter(words[used].Text) {
		if err := e.parseConverters(","+strings.TrimPrefix(words[used].Text, ","), lib); err != nil {
			return nil, 0, err
		}
		e.text += "," + strings.TrimPrefix(words[used].Text, ",")
		used++
	}
	return e, used, nil
}

// startsConverter says whether a further word continues an expression.
func startsConverter(text string) bool {
	name, _ := cutName(strings.TrimPrefix(text, ","))
	return findConverter(name) != nil
}

// cutName splits a keyword from what follows it.
func cutName(text string) (name, rest string) {
	if i := strings.IndexAny(text, "(,"); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

func parseFetch(text string, lib *Library, what string) (e *Expr, rest string, err error) {
	name, rest := cutName(text)
	f := findFetch(name)
	if f == nil {
		return nil, "", unknownFetch(name)
	}
	if f.eval == nil {
		return nil, "", fmt.Errorf("fetch '%s' is known but not supported yet", name)
	}
	list, rest, err := cutArgs(rest)
	if err != nil {
		return nil, "", fmt.Errorf("fetch method '%s' : %w", name, err)
	}
	args, err := f.sig.compile(list, lib)
	if err != nil {
		return nil, "", fmt.Errorf("fetch method '%s' : %w", name, err)
	}
	if f.sig.naming() {
		if args, err = lib.nameArg(f, args, what); err != nil {
			return nil, "", err
		}
	}
	return &Expr{fetch: f, args: args, text: text}, rest, nil
}

// parseConverters reads ",name(args),name…"; a trailing comma is harmless.
func (e *Expr) parseConverters(text string, lib *Library) error {
	for text != "" {
		if text[0] != ',' {
			return fmt.Errorf("missing comma before '%s'", text)
		}
		if text = strings.TrimLeft(text, ","); text == "" {
			return nil
		}
		if len(e.convs) == maxConverters {
			return fmt.Errorf("more than %d converters in one expression", maxConverters)
		}
		name, rest := cutName(text)
		c := findConverter(name)
		if c == nil {
			return unknownConverter(name)
		}
		if c.eval == nil {
			return fmt.Errorf("converter '%s' is known but not supported yet", name)
		}
		list, rest, err := cutArgs(rest)
		if err != nil {
			return fmt.Errorf("converter '%s' : %w", name, err)
		}
		args, err := c.sig.compile(list, lib)
		if err != nil {
			return fmt.Errorf("invalid args in converter '%s' : %w", name, err)
		}
		e.convs = append(e.convs, step{c, args})
		text = rest
	}
	return nil
}

func unknownFetch(name string) error {
	return &nearError{fmt.Sprintf("unknown fetch method '%s'", name), lang.Nearest(name, fetchNames())}
}

func unknownConverter(name string) error {
	return &nearError{fmt.Sprintf("unknown converter '%s'", name), lang.Nearest(name, converterNames())}
}
