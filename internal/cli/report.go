package cli

import (
	"encoding/json"
	"io"
	"strings"

	"bascule/internal/advice"
	"bascule/internal/config"
	"bascule/internal/lang"
)

// A report is what check --json prints. Fields are only ever added.
type report struct {
	Verdict  string        `json:"verdict"` // valid, invalid, no-listener
	Exit     int           `json:"exit"`    // of the command
	Files    []string      `json:"files"`   // that were read, as problems name them
	Problems []reportEntry `json:"problems"`
}

// A reportEntry is one problem or one piece of advice.
type reportEntry struct {
	Level   string `json:"level"` // alert, warning, notice, diag, advice
	ID      string `json:"id,omitempty"`
	File    string `json:"file"`    // "" when it is about the whole configuration
	Line    int    `json:"line"`    // from 1; 0 with no file
	Column  int    `json:"column"`  // in bytes, from 1
	Section string `json:"section"` // "backend web"
	Keyword string `json:"keyword"`
	Message string `json:"message"`
	Hint    string `json:"hint"` // "" or what to write
}

var (
	verdictNames = map[config.Verdict]string{config.Valid: "valid", config.Invalid: "invalid", config.NoListener: "no-listener"}
	levelNames   = [...]string{lang.Diag: "diag", lang.Notice: "notice", lang.Warning: "warning", lang.Alert: "alert"}
)

func writeReport(w io.Writer, l *loaded, found []advice.Finding) error {
	r := report{Verdict: verdictNames[l.verdict], Exit: int(l.verdict), Files: []string{}, Problems: []reportEntry{}}
	if l.cfg != nil {
		r.Files = l.cfg.Named
	}
	for i := range l.problems.List {
		q := &l.problems.List[i]
		r.Problems = append(r.Problems, reportEntry{
			Level: levelNames[q.Severity], File: q.Pos.File, Line: q.Pos.Line, Column: q.Pos.Col,
			Section: q.Section, Keyword: q.Keyword, Message: strings.TrimSpace(q.Text), Hint: hint(q),
		})
	}
	for _, a := range found {
		r.Problems = append(r.Problems, reportEntry{
			Level: "advice", ID: a.ID, File: a.At.File, Line: a.At.Line, Column: a.At.Col,
			Section: a.Section, Keyword: a.Keyword, Message: a.Text + ". " + a.Why, Hint: a.Instead,
		})
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(r)
}

// hint is what stands below a problem in its printed form.
func hint(q *lang.Problem) string {
	var parts []string
	if q.Near != "" {
		parts = append(parts, "did you mean: "+q.Near)
	}
	if len(q.Allowed) > 0 {
		parts = append(parts, "allowed: "+q.AllowedText())
	}
	if len(q.Where) > 0 {
		parts = append(parts, "allowed in: "+strings.Join(q.Where, ", "))
	}
	return strings.Join(parts, "; ")
}
