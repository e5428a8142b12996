package stats

import (
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"bascule/internal/stream"
)

// PrometheusService is its name in `http-request use-service`.
const PrometheusService = "prometheus-exporter"

// prometheusType is the text format's (prometheus.io, exposition formats).
const prometheusType = "text/plain; version=0.0.4"

// A Selection is what the query of a scrape asks for; the zero value is all.
type Selection struct {
	scopes  map[string]bool // nil: all
	only    []string        // metrics=NAME,…
	without []string        // metrics=-NAME
	noMaint bool
}

// ParseSelection reads a query: scope= (global, frontend, backend, server,
// listener or *; empty forgets what came before), metrics= and no-maint. A
// parameter that it does not know means nothing.
func ParseSelection(query string) Selection {
	var s Selection
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if v, err := url.QueryUnescape(value); err == nil {
			value = v
		}
		switch name {
		case "scope":
			s.scope(value)
		case "no-maint":
			s.noMaint = true
		case "metrics":
			for m := range strings.SplitSeq(value, ",") {
				if out, ok := strings.CutPrefix(m, "-"); ok {
					s.without = append(s.without, out)
				} else if m != "" {
					s.only = append(s.only, m)
				}
			}
		}
	}
	return s
}

func (s *Selection) scope(value string) {
	switch {
	case value == "*":
		s.scopes = nil
	case value == "" || s.scopes == nil:
		s.scopes = map[string]bool{}
	}
	if s.scopes != nil {
		s.scopes[value] = true
	}
}

func (s *Selection) wants(scope string) bool { return s.scopes == nil || s.scopes[scope] }

func (s *Selection) named(metric string) bool {
	return (len(s.only) == 0 || slices.Contains(s.only, metric)) && !slices.Contains(s.without, metric)
}

// prometheusScopes are in HAProxy's order.
var prometheusScopes = []struct {
	name string
	kind Kind
}{{"frontend", Frontend}, {"listener", Listener}, {"backend", Backend}, {"server", Server}}

// WritePrometheus writes the metrics of a selection in Prometheus' text form.
func WritePrometheus(w io.Writer, src *Source, sel Selection) error {
	if sel.wants("global") {
		p := src.Facts()
		b := appendProcess(nil, &p, &sel)
		if src.Loops != nil {
			b = appendLoops(b, src.Loops(), &sel)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	rows := Rows(src, Filter{NoMaint: sel.noMaint})
	var b []byte
	for _, scope := range prometheusScopes {
		if !sel.wants(scope.name) {
			continue
		}
		for i := range metrics {
			m := &metrics[i]
			if name := m.prefix() + scope.name + "_" + m.name; m.on.Has(scope.kind) && sel.named(name) {
				b = m.append(b[:0], name, scope.kind, rows)
				if _, err := w.Write(b); err != nil {
					return err
				}
			}
		}
		for i := range histograms {
			h := &histograms[i]
			if name := "bascule_" + scope.name + "_" + h.name; h.on.Has(scope.kind) && sel.named(name) {
				b = h.append(b[:0], name, scope.kind, rows)
				if _, err := w.Write(b); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (m *metric) prefix() string {
	if m.own {
		return "bascule_"
	}
	return "haproxy_"
}

const (
	restartsHelp = "Workers that crashed and were replaced by their master"
	buildHelp    = "The version, as a label; always 1"
)

func appendProcess(b []byte, p *Facts, sel *Selection) []byte {
	for i := range Info {
		f := &Info[i]
		name := "haproxy_process_" + f.Metric
		if f.Metric == "" || !sel.named(name) {
			continue
		}
		b = appendHead(b, name, f.Text, f.Counter)
		b = append(append(b, name...), ' ')
		b = append(appendNumber(b, f.get(p), false), '\n')
	}
	if name := "bascule_worker_restarts_total"; sel.named(name) {
		b = appendHead(b, name, restartsHelp, true)
		b = append(strconv.AppendInt(append(append(b, name...), ' '), p.Restarts, 10), '\n')
	}
	const build = "haproxy_process_build_info"
	if sel.named(build) {
		b = appendHead(b, build, buildHelp, false)
		b = appendLabel(append(append(b, build...), '{'), "version", p.Version)
		b = append(b, "} 1\n"...)
	}
	return appendHandshakes(appendOwn(b, p, sel), p, sel)
}

// append writes all series of a metric; nothing if there are none.
func (m *metric) append(b []byte, name string, kind Kind, rows []Row) []byte {
	get := m.get
	if f := fieldByName(m.field); f != nil && get == nil {
		get = f.Value
	}
	head := false
	for i := range rows {
		r := &rows[i]
		if r.Kind != kind || m.http && !r.http() {
			continue
		}
		list := []sample{{}}
		var v Value
		if m.states != nil {
			list = m.states(r)
		} else if v = get(r); !v.set && m.skip {
			continue
		}
		for _, s := range list {
			if !head {
				b, head = appendHead(b, name, m.text(), m.counter), true
			}
			b = r.appendLabels(append(append(b, name...), '{'))
			if m.states != nil {
				b, v = appendLabel(append(b, ','), m.stateLabel(), s.state), number(s.n)
			}
			b = append(appendNumber(append(b, "} "...), v, m.millis), '\n')
		}
	}
	return b
}

func (m *metric) stateLabel() string {
	if m.label == "" {
		return "state"
	}
	return m.label
}

// appendLabels says whose a series is.
func (r *Row) appendLabels(b []byte) []byte {
	b = appendLabel(b, "proxy", r.Proxy.Name)
	switch r.Kind {
	case Server:
		b = appendLabel(append(b, ','), "server", r.srv.Name)
	case Listener:
		b = appendLabel(append(b, ','), "listener", rowName(r).text)
	}
	return b
}

func appendHead(b []byte, name, help string, counter bool) []byte {
	if counter {
		return appendTypedHead(b, name, help, "counter")
	}
	return appendTypedHead(b, name, help, "gauge")
}

func appendTypedHead(b []byte, name, help, kind string) []byte {
	b = append(append(append(b, "# HELP "...), name...), ' ')
	b = append(append(append(b, help...), "\n# TYPE "...), name...)
	return append(append(append(b, ' '), kind...), '\n')
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func appendLabel(b []byte, name, value string) []byte {
	b = append(append(b, name...), `="`...)
	return append(append(b, labelEscapes.Replace(value)...), '"')
}

func appendNumber(b []byte, v Value, millis bool) []byte {
	switch {
	case !v.set:
		return append(b, "NaN"...)
	case millis:
		return appendSeconds(b, v.num)
	}
	return strconv.AppendInt(b, v.num, 10)
}

// fieldByName is nil for a name that is not there.
func fieldByName(name string) *Field {
	for i := range Fields {
		if Fields[i].Name == name {
			return &Fields[i]
		}
	}
	return nil
}

// Prometheus is the service prometheus-exporter.
type Prometheus struct{ Source *Source }

// Serve answers with the metrics.
func (p Prometheus) Serve(w *stream.Writer, r *stream.Asked) { p.answer(w, r) }

func (p Prometheus) answer(w answerer, r *stream.Asked) {
	if !readOnly(w, r) {
		return
	}
	w.Head(200, "Cache-Control: no-cache\r\nContent-Type: "+prometheusType+"\r\n")
	_ = WritePrometheus(w, p.Source, ParseSelection(string(r.Req.Query()))) // a client that is gone needs no answer
}
