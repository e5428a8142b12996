package cli

import (
	"bytes"
	"fmt"
	"os"

	"bascule/internal/config"
	"bascule/internal/engine"
	"bascule/internal/handover"
	"bascule/internal/lang"
)

// env is the world outside, as the flags want it seen.
func (f *flags) env() config.Env {
	env := config.System()
	env.Enabled = f.enabled
	env.Diagnose = f.diagnose
	env.LocalPeer, env.Master = f.peer, f.master
	return env
}

// A loaded is a configuration that was read: what it says, what it was read
// from, what is wrong with it.
type loaded struct {
	cfg      *config.Config // nil: unusable
	world    *handover.World
	problems *lang.Problems
	text     string // problems, as they are printed
	verdict  config.Verdict
	warned   bool
}

// load reads the configuration. With -dW a warning makes it unusable.
func (f *flags) load() loaded { return f.loadFrom(f.env()) }

func (f *flags) loadFrom(under config.Env) loaded {
	env, world := handover.Record(under)
	cfg, problems := config.Load(f.files, env)
	l := loaded{cfg: cfg, world: world, problems: problems, verdict: config.Judge(cfg, problems)}
	var b bytes.Buffer
	_ = config.WriteProblems(&b, problems, os.Getpid()) // a Buffer takes all
	for _, p := range problems.List {
		l.warned = l.warned || p.Severity == lang.Warning
	}
	switch {
	case l.verdict == config.Invalid:
		l.cfg = nil
	case l.warned && f.zeroWarn:
		engine.Complain(&b, fmt.Errorf("config : Some warnings were found and 'zero-warning' is set. Aborting."))
		problems.List = append(problems.List, lang.Problem{Severity: lang.Alert, Shape: lang.Whole, Text: "Some warnings were found and 'zero-warning' is set. Aborting."})
		l.verdict, l.cfg = config.Invalid, nil
	}
	l.text = b.String()
	return l
}
