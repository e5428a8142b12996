package logs

import (
	"fmt"
	"strings"

	"bascule/internal/lang"
	"bascule/internal/rule"
)

// A Format is a compiled log-format (HAProxy's manual, 8.2.6). Blanks around
// what is left out merge into one.
type Format struct {
	pieces  []piece
	usesCtx bool
}

// A piece is a constant text and the value behind it, if any.
type piece struct {
	text   string
	append tagFunc
	expr   *rule.Expr
	opts   rule.FormatOptions
	omits  bool // the tag may leave nothing, not even the blank in front of it
}

// tagFunc appends one value of a record.
type tagFunc func(dst []byte, r *Record, o rule.FormatOptions) []byte

// The formats of `option httplog` and `option tcplog`, and of neither.
const (
	httpLogText    = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
	tcpLogText     = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq"
	defaultLogText = "Connect from %ci:%cp to %fi:%fp "
)

var (
	httpLog    = mustFormat(httpLogText)
	tcpLog     = mustFormat(tcpLogText)
	defaultLog = withMode(mustFormat(defaultLogText))
)

func mustFormat(text string) *Format {
	f, err := compile(text)
	if err != nil {
		panic(err) // the constants above; a test compiles them
	}
	return f
}

// withMode adds "(frontend/MODE)", for which HAProxy has no tag.
func withMode(f *Format) *Format {
	f.pieces = append(f.pieces, piece{append: func(dst []byte, r *Record, _ rule.FormatOptions) []byte {
		dst = append(append(dst, '('), r.Frontend...)
		if r.TCP {
			return append(dst, "/TCP)"...)
		}
		return append(dst, "/HTTP)"...)
	}})
	return f
}

// HTTPLog is the format of `option httplog`.
func HTTPLog() *Format { return httpLog }

// TCPLog is the format of `option tcplog`.
func TCPLog() *Format { return tcpLog }

// DefaultLog is the line of a proxy that logs without an option: where a
// connection came from.
func DefaultLog() *Format { return defaultLog }

// ParseFormat compiles the text of a log-format line; w is where problems are
// shown. It gives nil after adding one.
func ParseFormat(text string, w lang.Word, p *lang.Problems) *Format {
	f, err := compile(text)
	if err != nil {
		p.Alertf(w, "failed to parse log-format : %v.", err)
		return nil
	}
	return f
}

func compile(source string) (*Format, error) {
	tokens, err := rule.SplitFormat(source)
	if err != nil {
		return nil, err
	}
	f := &Format{}
	text := ""
	for _, t := range tokens {
		p := piece{text: text, opts: t.Options}
		text = ""
		switch {
		case t.IsExpr:
			if p.expr, err = rule.ParseLogExpr(t.Expr); err != nil {
				return nil, err
			}
			f.usesCtx = true
		case t.Tag != "" || t.Text == "":
			spec := findTag(t.Tag)
			if spec == nil {
				return nil, fmt.Errorf("no such format variable '%s'. If you wanted to emit the '%%' character verbatim, you need to use '%%%%'", t.Tag)
			}
			if spec.append == nil {
				return nil, fmt.Errorf("format variable '%s' is known but not supported yet", t.Tag)
			}
			p.append, p.omits = spec.append, spec.omits
		default:
			text = mergeBlanks(t.Text)
			continue
		}
		f.pieces = append(f.pieces, p)
	}
	if text != "" {
		f.pieces = append(f.pieces, piece{text: text})
	}
	return f, nil
}

// mergeBlanks makes one blank of each run of them.
func mergeBlanks(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if text[i] != ' ' || i == 0 || text[i-1] != ' ' {
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// UsesCtx says that the format has expressions, which need Record.Ctx.
func (f *Format) UsesCtx() bool { return f.usesCtx }

// Append appends the line of r, without a line end. It allocates nothing when
// dst has room and the format has no expressions.
func (f *Format) Append(dst []byte, r *Record) []byte {
	blank := true // a blank stands before, or nothing
	for i := range f.pieces {
		p := &f.pieces[i]
		dst, blank = p.appendText(dst, blank)
		switch {
		case p.append != nil:
			before := len(dst)
			dst = p.append(dst, r, p.opts)
			blank = blank && p.omits && len(dst) == before
		case p.expr != nil:
			dst, blank = p.appendExpr(dst, r), false
		}
	}
	return dst
}

// appendText appends the constant in front of the value; its blanks at the
// start go when one stands there already.
func (p *piece) appendText(dst []byte, blank bool) ([]byte, bool) {
	text := p.text
	if blank && text != "" && text[0] == ' ' {
		text = text[1:]
	}
	switch len(text) {
	case 0:
		return dst, blank
	case 1: // most separators
		return append(dst, text[0]), text[0] == ' '
	}
	return append(dst, text...), text[len(text)-1] == ' '
}

func (p *piece) appendExpr(dst []byte, r *Record) []byte {
	if r.Ctx == nil {
		return append(dst, '-')
	}
	v, ok := p.expr.Eval(r.Ctx)
	if !ok {
		return append(dst, '-')
	}
	return appendText(dst, v, p.opts, &plainEscape)
}
