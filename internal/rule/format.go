package rule

import (
	"errors"
	"fmt"
	"strings"
)

// A Format is a text with values in it, as in `set-header X-Client %[src]:%cp`
// (HAProxy's manual, 8.2.6). A value that is not there leaves nothing.
type Format struct {
	pieces   []piece
	constant []byte // the whole text when pieces is empty
}

type piece struct {
	text []byte // constant text, when tag and expr are nil
	tag  *tag
	expr *Expr
	opts FormatOptions
}

// FormatOptions are the flags in %{+Q,-X}, and the type that stands in (name:type).
type FormatOptions struct {
	Quote bool // Q: in double quotes
	Hex   bool // X: addresses, ports and numbers in hexadecimal
	Esc   bool // E: a backslash before ", \ and ]
	Bare  bool // -M: nothing where a log line has a - for an empty value
	JSON  bool // json: values as in JSON; of %o: the whole line is an object
	Type  FormatType
}

// A FormatType is what a value of a JSON log shall be.
type FormatType uint8

// The types of %(name:type), AsIs where none is given.
const (
	AsIs FormatType = iota
	AsText
	AsInt
	AsBool
)

var formatTypes = map[string]FormatType{"": AsIs, "str": AsText, "sint": AsInt, "bool": AsBool}

// A FormatToken is one part of a format's text: constant Text, the name of a
// tag (Tag), or the words of an expression (Expr).
type FormatToken struct {
	Text, Tag, Expr string
	IsExpr          bool
	Name            string // what stands in parentheses: the key in a JSON log
	Options         FormatOptions
}

// SplitFormat cuts a format into tokens. Special tag %o sets the flags of all
// that follow and is not given out.
func SplitFormat(text string) ([]FormatToken, error) {
	s := formatSplitter{text: text}
	for len(s.text) > 0 {
		if err := s.next(); err != nil {
			return nil, err
		}
	}
	s.flush()
	return s.tokens, nil
}

type formatSplitter struct {
	text   string
	plain  []byte
	tokens []FormatToken
	global FormatOptions
}

func (s *formatSplitter) flush() {
	if len(s.plain) > 0 {
		s.tokens = append(s.tokens, FormatToken{Text: string(s.plain)})
		s.plain = s.plain[:0]
	}
}

func (s *formatSplitter) next() error {
	i := strings.IndexByte(s.text, '%')
	if i < 0 {
		i = len(s.text)
	}
	s.plain = append(s.plain, s.text[:i]...)
	s.text = s.text[i:]
	if s.text == "" {
		return nil
	}
	rest := s.text[1:]
	switch {
	case rest == "":
		return errors.New("truncated line after '%'")
	case rest[0] == '%':
		s.plain, s.text = append(s.plain, '%'), rest[1:]
		return nil
	}
	s.flush()
	t := FormatToken{Options: s.global}
	var err error
	if rest, err = t.naming(rest); err != nil {
		return err
	}
	if rest[0] == '{' {
		flags, after, ok := strings.Cut(rest[1:], "}")
		if !ok || after == "" {
			return fmt.Errorf("truncated line after '%s'", flags)
		}
		if err := t.Options.set(flags); err != nil {
			return err
		}
		rest = after
	}
	if rest[0] == '[' {
		return s.expression(t, rest[1:])
	}
	return s.tag(t, rest)
}

// naming reads (name) or (name:type) in front of flags, and gives what follows.
func (t *FormatToken) naming(rest string) (string, error) {
	if rest[0] != '(' {
		return rest, nil
	}
	inside, after, ok := strings.Cut(rest[1:], ")")
	if !ok || after == "" {
		return "", fmt.Errorf("truncated line after '%s'", inside)
	}
	name, kind, _ := strings.Cut(inside, ":")
	for i := range len(name) {
		if c := name[i]; !isAlnum(c) && c != '_' && c != '-' {
			return "", fmt.Errorf("invalid character '%c' in the name '%s' of a format's item", c, name)
		}
	}
	if t.Name, t.Options.Type, ok = name, formatTypes[kind], kind == "" || formatTypes[kind] != AsIs; !ok {
		return "", fmt.Errorf("unexpected output type '%s' of a format's item, should be 'str', 'sint' or 'bool'", kind)
	}
	return after, nil
}

// set reads flags such as +Q,-X; unknown ones are ignored, as HAProxy does.
func (o *FormatOptions) set(flags string) error {
	for flag := range strings.SplitSeq(flags, ",") {
		on := !strings.HasPrefix(flag, "-")
		switch strings.TrimLeft(flag, "+-") {
		case "M":
			o.Bare = !on
		case "json":
			o.JSON = on
		case "cbor":
			return errors.New("the encoding cbor is known but not supported yet, json is")
		case "Q":
			o.Quote = on
		case "X":
			o.Hex = on
		case "E":
			o.Esc = on
		}
	}
	return nil
}

// expression reads up to the closing bracket; brackets in quotes, in parentheses
// or escaped by a backslash belong to the expression.
func (s *formatSplitter) expression(t FormatToken, rest string) error {
	quote, depth, inside := byte(0), 0, -1
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '\\' && quote != '\'':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == ']' && depth == 0:
			s.take(t, rest, i)
			return nil
		case c == ']' && inside < 0:
			inside = i
		}
	}
	if inside >= 0 { // a parenthesis is missing, which the expression will say
		s.take(t, rest, inside)
		return nil
	}
	return fmt.Errorf("missing ']' after '%s'", rest)
}

func (s *formatSplitter) take(t FormatToken, rest string, end int) {
	t.Expr, t.IsExpr = rest[:end], true
	s.tokens, s.text = append(s.tokens, t), rest[end+1:]
}

func (s *formatSplitter) tag(t FormatToken, rest string) error {
	n := 0
	for n < len(rest) && isAlnum(rest[n]) {
		n++
	}
	t.Tag, s.text = rest[:n], rest[n:]
	if strings.HasPrefix(s.text, "(") { // the argument of a tag, as in %t(us), of later versions
		return fmt.Errorf("an argument of the format variable '%s' is known but not supported yet", t.Tag)
	}
	if t.Tag == "o" {
		s.global = t.Options
		return nil
	}
	s.tokens = append(s.tokens, t)
	return nil
}

// ParseFormat compiles a format for a rule that stands in this set.
func ParseFormat(text string, set Set) (*Format, error) {
	return parseFormat(text, place{set: set})
}

func parseFormat(text string, at place) (*Format, error) {
	tokens, err := SplitFormat(text)
	if err != nil {
		return nil, err
	}
	return compileFormat(tokens, at)
}

func compileFormat(tokens []FormatToken, at place) (_ *Format, err error) {
	f := &Format{}
	for _, t := range tokens {
		p := piece{opts: t.Options}
		if t.Options.JSON {
			return nil, errors.New("the encoding json is for log formats")
		}
		switch {
		case t.IsExpr:
			p.expr, err = parseFormatExpr(t.Expr, at)
		case t.Tag != "" || t.Text == "":
			p.tag, err = findTag(t.Tag)
		default:
			p.text = []byte(t.Text)
		}
		if err != nil {
			return nil, err
		}
		f.pieces = append(f.pieces, p)
	}
	f.settle()
	return f, nil
}

// settle makes a text without values a constant.
func (f *Format) settle() {
	for _, p := range f.pieces {
		if p.tag != nil || p.expr != nil {
			return
		}
	}
	for _, p := range f.pieces {
		f.constant = append(f.constant, p.text...)
	}
	f.pieces = nil
}

// eval gives the text; it lies in Scratch, in the configuration or in the
// message, and is valid until the next evaluation.
func (f *Format) eval(x *Ctx) []byte {
	if f.pieces == nil {
		return f.constant
	}
	x.Scratch = x.Scratch[:0]
	if len(f.pieces) == 1 && f.pieces[0].expr != nil && !f.pieces[0].opts.Esc {
		s := &x.smp
		if !f.pieces[0].expr.first(x, s) {
			return nil
		}
		return withoutControls(x, s.bytes(x))
	}
	for i := range f.pieces {
		f.pieces[i].append(x)
	}
	return x.Scratch
}

// append adds the piece to Scratch. What converters leave there lies behind
// the text so far and is moved down onto its end.
func (p *piece) append(x *Ctx) {
	at := len(x.Scratch)
	switch {
	case p.tag != nil:
		x.Scratch = p.tag.append(x.Scratch, x, p.opts)
	case p.expr != nil:
		s := &x.smp
		if !p.expr.first(x, s) {
			x.Scratch = x.Scratch[:at]
			return
		}
		// HAProxy quotes values in logs only
		x.Scratch = appendFlagged(x.Scratch, at, withoutControls(x, s.bytes(x)), FormatOptions{Esc: p.opts.Esc})
	default:
		x.Scratch = append(x.Scratch, p.text...)
	}
}

// withoutControls writes control bytes of v as %XX, as HAProxy does, so that a
// decoded value can never end a header line.
func withoutControls(x *Ctx, v []byte) []byte {
	for _, c := range v {
		if c < ' ' && c != '\t' || c == 0x7f {
			at := len(x.Scratch)
			x.Scratch = appendURI(x.Scratch, v)
			return x.Scratch[at:]
		}
	}
	return v
}

// appendFlagged cuts dst to at and appends v; v may lie in dst behind at.
func appendFlagged(dst []byte, at int, v []byte, o FormatOptions) []byte {
	if !o.Quote && !o.Esc {
		return append(dst[:at], v...)
	}
	end := len(dst)
	dst = append(dst, v...) // a copy behind everything, since the text grows
	v = dst[end:]
	out := len(dst)
	dst = o.AppendText(dst, v)
	return append(dst[:at], dst[out:]...)
}

// AppendText appends v with quotes and backslashes as the flags say.
func (o FormatOptions) AppendText(dst, v []byte) []byte {
	if o.Quote {
		dst = append(dst, '"')
	}
	for _, c := range v {
		if o.Esc && (c == '"' || c == '\\' || c == ']') {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	if o.Quote {
		dst = append(dst, '"')
	}
	return dst
}
