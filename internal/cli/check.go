package cli

import (
	"fmt"
	"io"

	"bascule/internal/config"
	"bascule/internal/engine"
)

// check is -c: the verdict as text and as exit code.
func check(f *flags, stdout, stderr io.Writer) int {
	l := f.load()
	if f.quiet {
		return int(l.verdict)
	}
	fmt.Fprint(stderr, l.text)
	switch l.verdict {
	case config.Valid:
		if l.warned {
			fmt.Fprintln(stdout, "Warnings were found.")
		}
		fmt.Fprintln(stdout, l.verdict)
	case config.NoListener:
		fmt.Fprintln(stdout, l.verdict)
	}
	return int(l.verdict)
}

// checkCommand is "bascule check [flags] [--advice] FILE...".
func checkCommand(args []string, stdout, stderr io.Writer) int {
	advice := false
	var words, files []string
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--advice":
			advice = true
		case args[i] != "" && args[i][0] != '-':
			files = append(files, args[i])
		default:
			words = append(words, args[i])
			if _, ok := takesValue[args[i]]; ok && i+1 < len(args) {
				i++
				words = append(words, args[i])
			}
		}
	}
	f, err := parseFlags(words)
	if err != nil {
		return usage(stderr, err)
	}
	f.files = append(f.files, files...)
	if len(f.files) == 0 {
		return usage(stderr, errUsage("check expects a file"))
	}
	if err := f.chdir(); err != nil {
		engine.Complain(stderr, err)
		return 1
	}
	code := check(f, stdout, stderr)
	if advice {
		writeAdvice(f, stdout)
	}
	return code
}

// writeAdvice lists the lines that were accepted and do nothing here.
func writeAdvice(f *flags, w io.Writer) {
	cfg, _ := config.Load(f.files, f.env())
	if cfg == nil {
		return
	}
	for _, i := range cfg.Ignored {
		fmt.Fprintf(w, "%s: '%s' has no meaning here: %s\n", i.Line, i.Keyword, i.Why)
	}
}

// condition is -cc.
func condition(f *flags, stderr io.Writer) int {
	value, err := config.EvalCondition(*f.condition, f.env())
	switch {
	case err != nil:
		engine.Complain(stderr, fmt.Errorf("config : Failed to evaluate condition: %w", err))
		return 2
	case !value:
		return 1
	}
	return 0
}
