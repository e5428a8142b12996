package logs

import (
	"fmt"
	"slices"
	"strings"

	"bascule/internal/lang"
	"bascule/internal/rule"
)

// A Format is a compiled log-format (HAProxy's manual, 8.2.6). Blanks around
// what is left out merge into one.
type Format struct {
	pieces    []piece
	usesCtx   bool
	usesCount bool
	usesLocal bool
	json      bool // the line is an object
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

// The formats of the options, and of none.
const (
	httpLogText    = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
	tcpLogText     = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq"
	httpsLogText   = httpLogText + " %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc"
	clfLogText     = `%{+Q}o %{-Q}ci - - [%trg] %r %ST %B "" "" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl`
	defaultLogText = " to %fi:%fp "
)

var (
	httpLog    = mustFormat(httpLogText)
	httpsLog   = mustFormat(httpsLogText)
	clfLog     = mustFormat(clfLogText)
	tcpLog     = mustFormat(tcpLogText)
	defaultLog = withMode(mustFormat(defaultLogText))
)

func mustFormat(text string) *Format {
	f, err := compile(text, Place{HTTP: true})
	if err != nil {
		panic(err) // the constants above; a test compiles them
	}
	return f
}

// withMode adds where a connection came from, and "(frontend/MODE)", for which
// HAProxy has no tags.
func withMode(f *Format) *Format {
	f.pieces = slices.Insert(f.pieces, 0, piece{text: "Connect", append: func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		if !r.Client.IsValid() { // of a unix socket, whose clients have no address
			return dst
		}
		return port(client)(append(addr(client)(append(dst, " from "...), r, o), ':'), r, o)
	}})
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

// HTTPSLog is the format of `option httpslog`.
func HTTPSLog() *Format { return httpsLog }

// CLFLog is the format of `option httplog clf`.
func CLFLog() *Format { return clfLog }

// TCPLog is the format of `option tcplog`.
func TCPLog() *Format { return tcpLog }

// DefaultLog is the line of a proxy that logs without an option: where a
// connection came from.
func DefaultLog() *Format { return defaultLog }

// A Place is where a format stands.
type Place struct {
	Keyword string        // for problems: log-format, log-format-sd, error-log-format
	HTTP    bool          // of a proxy of mode http, which has more tags
	Library *rule.Library // of the configuration's expressions; nil: none
}

// ParseFormat compiles the text of a line; w is where problems are shown. It
// gives nil after adding one.
func ParseFormat(text string, at Place, w lang.Word, p *lang.Problems) *Format {
	f, err := compile(text, at)
	if err != nil {
		p.Alertf(w, "failed to parse %s : %v.", at.Keyword, err)
		return nil
	}
	return f
}

func compile(source string, at Place) (*Format, error) {
	tokens, err := rule.SplitFormat(source)
	if err != nil {
		return nil, err
	}
	f := &Format{json: strings.Contains(source, "json") && globalJSON(source)}
	text := ""
	for _, t := range tokens {
		if t.Tag == "" && !t.IsExpr && t.Text != "" {
			text = mergeBlanks(t.Text)
			continue
		}
		p := piece{text: text, opts: t.Options}
		text = ""
		if err := f.value(&p, t, at); err != nil {
			return nil, err
		}
		if f.json {
			if t.Name == "" {
				continue
			}
			p.text = `, "` + t.Name + `": `
			if len(f.pieces) == 0 {
				p.text = p.text[2:]
			}
		}
		f.pieces = append(f.pieces, p)
	}
	if text != "" && !f.json {
		f.pieces = append(f.pieces, piece{text: text})
	}
	return f, nil
}

// globalJSON says whether flag json is set for all that follows (%{+json}o), so
// that the line is an object of the items that have names.
func globalJSON(source string) bool {
	all, err := rule.SplitFormat(source + "%B")
	return err == nil && len(all) > 0 && all[len(all)-1].Options.JSON
}

// value is what the token stands for.
func (f *Format) value(p *piece, t rule.FormatToken, at Place) (err error) {
	if t.IsExpr {
		f.usesCtx = true
		p.expr, err = rule.ParseLogExpr(t.Expr, at.Library)
		return err
	}
	spec := findTag(t.Tag)
	switch {
	case spec == nil:
		return fmt.Errorf("no such format variable '%s'. If you wanted to emit the '%%' character verbatim, you need to use '%%%%'", t.Tag)
	case !at.HTTP && slices.Contains(ofHTTP, t.Tag):
		return fmt.Errorf("format variable '%s' is reserved for HTTP mode", t.Tag)
	}
	f.usesCount = f.usesCount || t.Tag == "lc"
	f.usesLocal = f.usesLocal || t.Tag == "bi" || t.Tag == "bp"
	p.append, p.omits = spec.append, spec.omits
	return nil
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

// UsesCount says that the format has %lc, which needs Record.Count.
func (f *Format) UsesCount() bool { return f.usesCount }

// UsesLocal says that the format has %bi or %bp, which need Record.Local.
func (f *Format) UsesLocal() bool { return f.usesLocal }

// Append appends the line of r, without a line end. It allocates nothing when
// dst has room.
func (f *Format) Append(dst []byte, r *Record) []byte {
	if f.json {
		return f.appendObject(dst, r)
	}
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

// AppendData appends the line of r as structured data, without blanks at its end.
func (f *Format) AppendData(dst []byte, r *Record) []byte {
	before := len(dst)
	dst = f.Append(dst, r)
	for len(dst) > before && dst[len(dst)-1] == ' ' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendObject appends the line as an object of JSON.
func (f *Format) appendObject(dst []byte, r *Record) []byte {
	dst = append(dst, '{')
	for i := range f.pieces {
		p := &f.pieces[i]
		dst = append(dst, p.text...)
		before := len(dst)
		if p.expr != nil {
			dst = p.appendExpr(dst, r)
		} else {
			dst = p.append(dst, r, p.opts)
		}
		if len(dst) == before {
			dst = append(dst, "null"...)
		}
	}
	return append(dst, '}')
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
		return appendOptional(dst, nil, p.opts)
	}
	v, ok := p.expr.Sample(r.Ctx)
	switch {
	case !ok:
		return appendOptional(dst, nil, p.opts)
	case p.opts.JSON:
		return appendSample(dst, v, r.Ctx, p.opts)
	}
	return appendOptional(dst, v.Text(r.Ctx), p.opts)
}
