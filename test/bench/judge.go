package main

import (
	"fmt"
	"strings"
)

// verdict is what a row's figures say of its target.
type verdict struct {
	asks   []string
	missed bool
}

// String is the cell of the table: empty where nothing is asked or the proxy to
// compare with did not run.
func (v verdict) String() string {
	switch {
	case len(v.asks) == 0:
		return ""
	case v.missed:
		return strings.Join(v.asks, ", ") + ": **miss**"
	}
	return strings.Join(v.asks, ", ") + ": ok"
}

// judge holds the first proxy's figures against the row's target.
func judge(r row, compared []*proxy, results []result) (v verdict) {
	ask := func(what string, got, most float64) {
		v.asks = append(v.asks, fmt.Sprintf("%s ≤ %.2f", what, most))
		v.missed = v.missed || got > most
	}
	for _, p := range compared[1:] {
		switch {
		case p.name == "haproxy" && r.target.haproxy > 0:
			ask("HAProxy", of(results, r, p).Ratio.Ratio, r.target.haproxy)
		case p.name == "nginx" && r.target.nginx > 0:
			ask("nginx", of(results, r, p).Ratio.Ratio, r.target.nginx)
		}
	}
	if r.target.own > 0 {
		ask("KiB", r.figure(of(results, r, compared[0]).Median), r.target.own)
	}
	return v
}
