package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"ms": ms, "chart": chart, "seconds": func(d time.Duration) string { return fmt.Sprintf("%.0f s", d.Seconds()) },
	"verdict": func(v string) string { return strings.ReplaceAll(strings.ToLower(v), " ", "-") },
	"sum":     func(a, b int) int { return a + b },
	"sum64":   func(a, b int64) int64 { return a + b },
	"percent": func(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) },
}).Parse(pageText))

// pageData is what the page shows: the report, turned so that a fault is a section.
type pageData struct {
	*Report
	Faults []pageFault
	Totals []pageTotal
}

// pageFault is one fault behind every side.
type pageFault struct {
	Name, Text, Allowed string
	Rows                []pageRow
}

// pageRow is a fault behind one side.
type pageRow struct {
	Side   string
	Result Result
	Ran    bool
}

// pageTotal sums up a side.
type pageTotal struct {
	Side                            string
	Passed, Failed, NotRun, Skipped int
	Counts
	Losses, Told, OnVictims int
	WorstP99                time.Duration
	Said, Messages          int64
}

// Page is the report as one HTML page that needs nothing else: no scripts, no fonts, no
// network. It follows the reader's light or dark setting.
func Page(r *Report) ([]byte, error) {
	data := pageData{Report: r}
	for _, side := range r.Sides {
		data.Totals = append(data.Totals, total(side))
	}
	if len(r.Sides) > 0 {
		for _, first := range r.Sides[0].Results {
			data.Faults = append(data.Faults, turn(r, first))
		}
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, data); err != nil {
		return nil, fmt.Errorf("the page: %w", err)
	}
	return b.Bytes(), nil
}

func total(side Side) pageTotal {
	t := pageTotal{Side: side.Name}
	for _, result := range side.Results {
		switch result.Verdict {
		case Passed:
			t.Passed++
		case Failed:
			t.Failed++
		case NotRun:
			t.NotRun++
		case Skipped:
			t.Skipped++
		}
		t.add(result.Total)
		t.Told += result.Sockets.Told
		t.OnVictims += result.Sockets.OnVictims
		t.Losses += result.Losses()
		t.WorstP99 = max(t.WorstP99, result.Outage.P99)
		t.Said += result.Sockets.Said
		t.Messages += result.Sockets.Lost + result.Sockets.Doubled
	}
	return t
}

// turn collects what all sides have about one fault.
func turn(r *Report, first Result) pageFault {
	f := pageFault{Name: first.Name, Text: first.Text, Allowed: first.Allowed}
	for _, side := range r.Sides {
		for _, result := range side.Results {
			if result.Name != first.Name {
				continue
			}
			f.Rows = append(f.Rows, pageRow{Side: side.Name, Result: result, Ran: result.ran()})
		}
	}
	return f
}
