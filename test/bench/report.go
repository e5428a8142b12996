package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// result is all rounds of one proxy under one row.
type result struct {
	Row    string  `json:"row"`
	Proxy  string  `json:"proxy"`
	Median round   `json:"median"`
	Rounds []round `json:"rounds"`
}

// median takes each figure's median; with an even number of rounds the lower one.
func median(rounds []round) round {
	mid := func(of func(round) float64) float64 {
		var v []float64
		for _, r := range rounds {
			v = append(v, of(r))
		}
		slices.Sort(v)
		return v[(len(v)-1)/2]
	}
	return round{
		MicrosPerRequest: mid(func(r round) float64 { return r.MicrosPerRequest }),
		PerSecond:        mid(func(r round) float64 { return r.PerSecond }),
		Busy:             mid(func(r round) float64 { return r.Busy }),
		Others:           mid(func(r round) float64 { return r.Others }),
		Logged:           mid(func(r round) float64 { return r.Logged }),
	}
}

// markdown writes the table: one line per row, one column per proxy, and the
// first proxy's ratio to each of the others.
func markdown(w io.Writer, chosen []row, compared []*proxy, results []result) {
	head, rule := []string{"workload"}, []string{"---"}
	for _, p := range compared {
		head, rule = append(head, p.title), append(rule, "---:")
	}
	for _, p := range compared[1:] {
		head, rule = append(head, compared[0].name+" : "+p.name), append(rule, "---:")
	}
	line := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	line(rule)
	for _, r := range chosen {
		cells := []string{r.title}
		var micros []float64
		for _, p := range compared {
			m := of(results, r, p)
			micros = append(micros, m.MicrosPerRequest)
			cells = append(cells, fmt.Sprintf("%.1f µs, %.0fk/s", m.MicrosPerRequest, m.PerSecond/1000))
		}
		for _, other := range micros[1:] {
			cells = append(cells, fmt.Sprintf("%.2f", micros[0]/other))
		}
		line(cells)
	}
}

func of(results []result, r row, p *proxy) round {
	for _, one := range results {
		if one.Row == r.name && one.Proxy == p.name {
			return one.Median
		}
	}
	return round{}
}

// muchOthers is the share of the proxy's core, taken by other work, from which on
// a figure is doubtful: differences below 10 % are ties anyway.
const muchOthers = 0.10

// doubts names what makes a figure less sure: the proxy's core was shared, or
// log lines got lost on the way (a line that is dropped early costs less).
func doubts(w io.Writer, chosen []row, results []result) {
	for _, res := range results {
		if res.Median.Others > muchOthers {
			fmt.Fprintf(w, "%s under %s: other work took %.0f %% of the proxy's core\n", res.Proxy, res.Row, 100*res.Median.Others)
		}
		for _, r := range chosen {
			if r.name == res.Row && r.log && res.Median.Logged < 0.99 {
				fmt.Fprintf(w, "%s under %s: only %.0f %% of the log lines arrived\n", res.Proxy, res.Row, 100*res.Median.Logged)
			}
		}
	}
}

// machine says where the figures are from.
func machine() string {
	var name unix.Utsname
	kernel := "?"
	if unix.Uname(&name) == nil {
		kernel = unix.ByteSliceToString(name.Release[:])
	}
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, Linux %s, %s", model, kernel, runtime.Version())
}

func writeJSON(w io.Writer, results []result) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Machine string   `json:"machine"`
		Results []result `json:"results"`
	}{machine(), results})
}

// shared says, below the table, how much of the proxy's core other work took:
// readers of the table must know, and "" if it was little.
func shared(results []result) string {
	most := 0.0
	for _, res := range results {
		most = max(most, res.Median.Others)
	}
	if most <= muchOthers {
		return ""
	}
	return fmt.Sprintf("Other work took up to %.0f %% of the proxy's core meanwhile: the times are less sure, requests per second do not compare.\n", 100*most)
}
