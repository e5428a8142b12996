package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"

	"bascule/internal/engine"
	"bascule/internal/explain"
)

// explainFlags are the flags of explain with an argument.
var explainFlags = map[string]func(a *explain.Asked, v string) error{
	"-H":         func(a *explain.Asked, v string) error { a.Fields = append(a.Fields, v); return nil },
	"-d":         func(a *explain.Asked, v string) error { a.Body = v; return nil },
	"--frontend": func(a *explain.Asked, v string) error { a.Frontend = v; return nil },
	"--down":     func(a *explain.Asked, v string) error { a.Down = append(a.Down, v); return nil },
	"--src": func(a *explain.Asked, v string) (err error) {
		if a.Src, err = netip.ParseAddr(v); err != nil {
			err = errUsage(fmt.Sprintf("--src expects an address, got '%s'", v))
		}
		return err
	},
	"--http-version": func(a *explain.Asked, v string) error {
		if v != "1.0" && v != "1.1" {
			return errUsage(fmt.Sprintf("--http-version is 1.0 or 1.1, got '%s'", v))
		}
		a.Minor = int(v[2] - '0')
		return nil
	},
}

// explainCommand is "bascule explain 'GET /path' [-H FIELD]… -f FILE". Its exit
// code is 0 when the request could be explained, whatever becomes of it.
func explainCommand(args []string, stdout, stderr io.Writer) int {
	a, asJSON, words, err := explainArgs(args)
	if err != nil {
		return usage(stderr, err)
	}
	f, err := parseFlags(words)
	if err == nil && len(f.files) == 0 {
		err = errUsage("explain expects a configuration, by -f")
	}
	if err != nil {
		return usage(stderr, err)
	}
	if err := f.chdir(); err != nil {
		engine.Complain(stderr, err)
		return 1
	}
	l := f.load()
	if l.cfg == nil {
		fmt.Fprint(stderr, l.text)
		return 1
	}
	report, err := explain.Explain(l.cfg, a)
	if err == nil && asJSON {
		out := json.NewEncoder(stdout)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		err = out.Encode(report)
	} else if err == nil {
		err = report.Write(stdout)
	}
	if err != nil {
		engine.Complain(stderr, err)
		return 1
	}
	return 0
}

// explainArgs takes explain's own arguments out of args; words are left for
// HAProxy's flags.
func explainArgs(args []string) (a explain.Asked, asJSON bool, words []string, err error) {
	a.Minor = 1
	for i := 0; i < len(args); i++ {
		arg := args[i]
		set, own := explainFlags[arg]
		_, theirs := takesValue[arg]
		if own || theirs {
			if i++; i == len(args) {
				return a, asJSON, words, errUsage(arg + " expects an argument")
			}
		}
		switch {
		case own:
			if err := set(&a, args[i]); err != nil {
				return a, asJSON, words, err
			}
		case theirs:
			words = append(words, arg, args[i])
		case arg == "--json":
			asJSON = true
		case arg != "" && arg[0] == '-':
			words = append(words, arg)
		case a.Line != "":
			return a, asJSON, words, errUsage(fmt.Sprintf("explain takes one request; quote it: '%s %s'", a.Line, arg))
		default:
			a.Line = arg
		}
	}
	if a.Line == "" {
		err = errUsage("explain expects a request such as 'GET /path'")
	}
	return a, asJSON, words, err
}
