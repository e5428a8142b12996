package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bascule/internal/drill"
)

const (
	// maxEvents is more than a screen shows.
	maxEvents = 500
	// maxRates is how many readings the line of requests per second shows at most.
	maxRates = 60
)

// Kinds of rows.
const (
	kindFrontend = iota
	kindBackend
	kindServer
)

// Row is one line of the table.
type Row struct {
	Kind          int
	Proxy, Name   string // Name is empty but for a server
	State, Check  string
	Sessions, Max int64 // Max: the most at once since the start
	Limit         int64 // of sessions; 0: none
	Queue         int64
	Rate          float64 // requests a second, or sessions in mode tcp
	Errors        float64 // a second
	In, Out       float64 // bytes a second
	P50, P99      time.Duration
	Average       time.Duration // of the last 1024 requests, as HAProxy has it; -1: not known
	WebSockets    int64         // -1: not known
	Weight        int64
	Since         time.Duration // since the last change of state; -1: not known
	Stage         string        // of a drain, or what else is said of the server
}

// key names the row from sample to sample, and in commands if it is a server.
func (r *Row) key() string {
	if r.Kind == kindServer {
		return r.Proxy + "/" + r.Name
	}
	return fmt.Sprintf("%s %d", r.Proxy, r.Kind)
}

// trouble says that somebody should look at the row.
func (r *Row) trouble() bool {
	word, _, _ := strings.Cut(r.State, " ")
	return r.Errors > 0 || r.Queue > 0 || word != "UP" && word != "OPEN" && r.State != "no check" || strings.Contains(r.State, "/")
}

// Model is what is known of the process: the last two samples and what was seen happen.
type Model struct {
	Now     *Sample
	before  *Sample
	Rows    []Row
	Events  []string  // oldest first, as they are shown
	Rates   []float64 // requests a second of all frontends, oldest first
	told    uint64    // number of the last of the process's own events
	steps   map[string]*window
	Trouble error // the process does not answer; the rest is of before
}

// Fail notes that there was no answer.
func (m *Model) Fail(err error, at time.Time) {
	if m.Trouble == nil && m.Now != nil {
		m.note(at, "no answer: "+err.Error())
	}
	m.Trouble = err
}

// Add takes a sample in.
func (m *Model) Add(s *Sample) {
	if m.Trouble != nil && m.Now != nil {
		m.note(s.At, "it answers again")
	}
	m.Trouble = nil
	if m.Now != nil && m.Now.Info["Pid"] != s.Info["Pid"] {
		m.note(s.At, fmt.Sprintf("process %s has taken the place of %s", s.Info["Pid"], m.Now.Info["Pid"]))
		m.Now, m.told, m.steps = nil, 0, nil // its counters begin anew
	}
	m.before, m.Now = m.Now, s
	m.listen(s)
	m.Rows = m.Rows[:0]
	total := 0.0
	earlier := index(m.before)
	for _, r := range s.Rows {
		row, ok := m.row(r, earlier[r["pxname"]+"/"+r["svname"]])
		if !ok {
			continue
		}
		m.put(row)
		if row.Kind == kindFrontend {
			total += row.Rate
		}
	}
	m.Rates = append(m.Rates, total)
	m.Rates = m.Rates[max(0, len(m.Rates)-maxRates):]
}

// put adds a row; a backend, which the process tells behind its servers, stands before them.
func (m *Model) put(row Row) {
	at := len(m.Rows)
	for row.Kind == kindBackend && at > 0 && m.Rows[at-1].Kind == kindServer && m.Rows[at-1].Proxy == row.Proxy {
		at--
	}
	m.Rows = slices.Insert(m.Rows, at, row)
}

// index finds rows of a sample by proxy and name.
func index(s *Sample) map[string]drill.Row {
	rows := map[string]drill.Row{}
	if s != nil {
		for _, r := range s.Rows {
			rows[r["pxname"]+"/"+r["svname"]] = r
		}
	}
	return rows
}

// row makes a line of the table; false for what has none, such as a listener.
func (m *Model) row(r, before drill.Row) (Row, bool) {
	row := Row{
		Proxy: clean(r["pxname"]), State: clean(r["status"]), Check: check(r),
		Sessions: r.Int("scur"), Max: r.Int("smax"), Limit: r.Int("slim"), Queue: r.Int("qcur"),
		Weight: r.Int("weight"), Average: -1, WebSockets: -1, Since: -1, P50: -1, P99: -1, Stage: clean(r["hold"]),
	}
	switch r["type"] {
	case "0":
		row.Kind = kindFrontend
	case "1":
		row.Kind = kindBackend
	case "2":
		row.Kind, row.Name = kindServer, clean(r["svname"])
	default:
		return row, false
	}
	if r["lastchg"] != "" {
		row.Since = time.Duration(r.Int("lastchg")) * time.Second
	}
	if row.Kind != kindFrontend && r["ttime"] != "" {
		row.Average = time.Duration(r.Int("ttime")) * time.Millisecond
	}
	if r["ws_cur"] != "" {
		row.WebSockets = r.Int("ws_cur")
	}
	m.rates(&row, r, before)
	row.P50, row.P99 = m.percentiles(r)
	return row, true
}

// rates are taken between two samples, and before there are two as the process says.
func (m *Model) rates(row *Row, r, before drill.Row) {
	requests, said := "stot", "rate"
	if row.Kind == kindFrontend && r["mode"] == "http" {
		requests, said = "req_tot", "req_rate"
	}
	errors := []string{"hrsp_5xx", "econ"}
	if row.Kind == kindFrontend {
		errors = []string{"hrsp_5xx", "ereq"}
	}
	row.Rate = float64(r.Int(said))
	if before == nil {
		return
	}
	seconds := m.Now.At.Sub(m.before.At).Seconds()
	if seconds <= 0 {
		return
	}
	grown := func(column string) float64 { // 0 behind "clear counters"
		return float64(max(0, r.Int(column)-before.Int(column))) / seconds
	}
	row.Rate, row.In, row.Out = grown(requests), grown("bin"), grown("bout")
	for _, column := range errors {
		row.Errors += grown(column)
	}
}

// check is the result of the last check, in a word and its code.
func check(r drill.Row) string {
	text := r["check_status"]
	if code := r["check_code"]; code != "" && code != "0" {
		text += " " + code
	}
	return clean(text)
}

// clean takes out what a terminal would obey.
func clean(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == 0x2028 || c == 0x2029 || c == 0xfffd {
			return '?'
		}
		return c
	}, text)
}
