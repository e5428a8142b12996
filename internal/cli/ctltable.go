package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// statColumns are those of "show stat" that a terminal has room for, with shorter
// names; --raw shows all.
var statColumns = [][2]string{
	{"pxname", "proxy"}, {"svname", "name"}, {"status", "status"}, {"weight", "weight"}, {"qcur", "queue"}, {"scur", "cur"}, {"smax", "max"}, {"slim", "limit"},
	{"stot", "total"}, {"rate", "rate"}, {"bin", "in"}, {"bout", "out"}, {"hrsp_4xx", "4xx"}, {"hrsp_5xx", "5xx"}, {"econ", "econ"}, {"check_status", "check"}, {"lastchg", "since"},
}

// cells reads an answer that is a table: a line of names behind "#", then rows, with
// commas or with blanks between. The line "1" of "show servers state" is skipped.
func cells(answer string) (names []string, rows [][]string) {
	head, body, _ := strings.Cut(answer, "\n")
	if head == "1" {
		head, body, _ = strings.Cut(body, "\n")
	}
	head, ok := strings.CutPrefix(head, "# ")
	if !ok {
		return nil, nil
	}
	if strings.Contains(head, ",") {
		r := csv.NewReader(strings.NewReader(body))
		r.FieldsPerRecord = -1
		if all, err := r.ReadAll(); err == nil {
			rows = all
		}
		return strings.Split(strings.TrimSuffix(head, ","), ","), rows
	}
	for line := range strings.Lines(body) {
		if f := strings.Fields(line); len(f) > 0 {
			rows = append(rows, f)
		}
	}
	return strings.Fields(head), rows
}

// writeTable writes an answer in columns; what is no table as it is.
func writeTable(w io.Writer, answer string) {
	names, rows := cells(answer)
	if names == nil {
		fmt.Fprintln(w, answer)
		return
	}
	at := make([]int, len(names))
	for i := range at {
		at[i] = i
	}
	if slices.Contains(names, "svname") {
		at = at[:0]
		var short []string
		for _, c := range statColumns {
			if i := slices.Index(names, c[0]); i >= 0 {
				at, short = append(at, i), append(short, c[1])
			}
		}
		names = short
	}
	out := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(out, strings.Join(names, "\t"))
	for _, row := range rows {
		for n, i := range at {
			if n > 0 {
				fmt.Fprint(out, "\t")
			}
			if i < len(row) {
				fmt.Fprint(out, row[i])
			}
		}
		fmt.Fprintln(out)
	}
	_ = out.Flush() // w is memory
}

// writeJSONAnswer writes an answer as one JSON value a line: what is JSON as it is, a
// table as objects, anything else as text.
func writeJSONAnswer(w io.Writer, answer string) {
	first, _, _ := strings.Cut(answer, "\n")
	if json.Valid([]byte(first)) && strings.HasPrefix(strings.TrimSpace(first), "[") || strings.HasPrefix(first, "{") {
		fmt.Fprintln(w, answer)
		return
	}
	var value any = map[string]string{"answer": answer}
	if names, rows := cells(answer); names != nil {
		list := []map[string]string{}
		for _, row := range rows {
			m := map[string]string{}
			for i, name := range names {
				if i < len(row) {
					m[name] = row[i]
				}
			}
			list = append(list, m)
		}
		value = list
	}
	_ = json.NewEncoder(w).Encode(value) // w is memory
}
