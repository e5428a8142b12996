package config

import (
	"io"

	"bascule/internal/lang"
)

// A Verdict is what `-c` finds; its number is the exit code.
type Verdict int

// The verdicts of `-c`.
const (
	Valid      Verdict = 0
	Invalid    Verdict = 1
	NoListener Verdict = 2 // no error, and nothing to listen on
)

// Judge judges what Load returned.
func Judge(cfg *Config, p *lang.Problems) Verdict {
	if cfg == nil || p.Alerts() > 0 {
		return Invalid
	}
	if len(cfg.Global.StatsSockets) > 0 {
		return Valid // a runtime socket is a listener too
	}
	for _, px := range cfg.Proxies {
		if !px.Disabled && len(px.Binds) > 0 {
			return Valid
		}
	}
	return NoListener
}

func (v Verdict) String() string {
	switch v {
	case Valid:
		return "Configuration file is valid"
	case NoListener:
		return "Configuration file has no error but will not start (no listener) => exit(2)."
	}
	return "" // the problems say it
}

// WriteProblems prints problems in HAProxy's shape with excerpts below; pid
// stands in every first line.
func WriteProblems(w io.Writer, p *lang.Problems, pid int) error { return p.Write(w, pid) }
