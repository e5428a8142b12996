package main

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"strings"
	"time"
)

// trendLine is one row of one run, a line of the trend file: what changed since
// when is read by comparing lines of the same machine.
type trendLine struct {
	Date    time.Time             `json:"date"`
	Commit  string                `json:"commit"`
	Machine string                `json:"machine"`
	Row     string                `json:"row"`
	Rounds  int                   `json:"rounds"`
	Seconds float64               `json:"seconds"`          // how long a round measured each proxy
	Figures map[string]float64    `json:"figures"`          // µs or KiB by proxy
	Ratios  map[string]float64    `json:"ratios"`           // the first proxy's figure divided by each other's
	Within  map[string][2]float64 `json:"within,omitempty"` // the ratios' intervals
	Others  float64               `json:"others"`           // largest share of the proxy's core that other work took
	Target  string                `json:"target,omitempty"`
}

// appendTrend adds one line per row to the file.
func appendTrend(path string, o options, chosen []row, compared []*proxy, results []result) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(f)
	enc.SetEscapeHTML(false)
	at, commit, on := time.Now().UTC().Truncate(time.Second), revision(), machine()
	for _, r := range chosen {
		line := trendLine{
			Date: at, Commit: commit, Machine: on, Row: r.name, Rounds: o.rounds, Seconds: round2(o.measured(r)),
			Figures: make(map[string]float64), Ratios: make(map[string]float64), Within: make(map[string][2]float64),
			Target: judge(r, compared, results).String(),
		}
		for i, p := range compared {
			res := of(results, r, p)
			line.Figures[p.name] = round2(r.figure(res.Median))
			line.Others = max(line.Others, round2(res.Median.Others))
			if i > 0 {
				line.Ratios[p.name] = round3(res.Ratio.Ratio)
				line.Within[p.name] = [2]float64{round3(res.Ratio.Low), round3(res.Ratio.High)}
			}
		}
		err = errors.Join(err, enc.Encode(line))
	}
	return errors.Join(err, f.Close())
}

func round2(v float64) float64 { return math.Round(v*100) / 100 }
func round3(v float64) float64 { return math.Round(v*1000) / 1000 }

// revision is the commit that is checked out, with a + when files differ from it.
func revision() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty=+", "--exclude=*").Output()
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(out))
}
