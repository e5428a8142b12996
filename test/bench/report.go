package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// result is all rounds of one proxy under one row.
type result struct {
	Row    string    `json:"row"`
	Proxy  string    `json:"proxy"`
	Median round     `json:"median"`
	Ratio  *interval `json:"first_to_this,omitempty"` // the first proxy's figure divided by this one's
	Rounds []round   `json:"rounds"`
}

// figures are what the row compares of each round.
func figures(r row, rounds []round) []float64 {
	var v []float64
	for _, one := range rounds {
		v = append(v, r.figure(one))
	}
	return v
}

// median takes each figure's median, and of the shares the mean: those of one slice
// are known to a tenth only.
func median(rounds []round) round {
	of := func(figure func(round) float64) (v []float64) {
		for _, r := range rounds {
			v = append(v, figure(r))
		}
		return v
	}
	mid := func(figure func(round) float64) float64 { return middle(of(figure)) }
	mean := func(figure func(round) float64) (m float64) {
		for _, one := range of(figure) {
			m += one / float64(len(rounds))
		}
		return m
	}
	return round{
		MicrosPerRequest: mid(func(r round) float64 { return r.MicrosPerRequest }),
		PerSecond:        mid(func(r round) float64 { return r.PerSecond }),
		Busy:             mean(func(r round) float64 { return r.Busy }),
		Others:           max(0, mean(func(r round) float64 { return r.Others })),
		Logged:           mean(func(r round) float64 { return r.Logged }),
		P50:              mid(func(r round) float64 { return r.P50 }),
		P99:              mid(func(r round) float64 { return r.P99 }),
		KiBPerConn:       mid(func(r round) float64 { return r.KiBPerConn }),
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
	head, rule = append(head, "target"), append(rule, "---")
	line := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	line(rule)
	for _, r := range chosen {
		cells := []string{r.title}
		for _, p := range compared {
			cells = append(cells, r.show(of(results, r, p).Median))
		}
		for _, p := range compared[1:] {
			cells = append(cells, of(results, r, p).Ratio.String())
		}
		line(append(cells, judge(r, compared, results).String()))
	}
}

// of is the proxy's result under the row, which is there.
func of(results []result, r row, p *proxy) result {
	for _, one := range results {
		if one.Row == r.name && one.Proxy == p.name {
			return one
		}
	}
	return result{}
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
			if r.idle {
				continue // its only lines come at the end
			}
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

func jsonFile(path string, results []result) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(writeJSON(f, results), f.Close())
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
	return fmt.Sprintf("Other work took up to %.0f %% of the proxy's core meanwhile: times and ratios are less sure, requests per second do not compare.\n", 100*most)
}
