package cli

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"bascule/internal/advice"
	"bascule/internal/config"
	"bascule/internal/engine"
)

// check is -c: the verdict as text and as exit code.
func check(f *flags, stdout, stderr io.Writer) int {
	env := f.env()
	env.Descriptor = socketError
	l := f.loadFrom(env)
	if !f.quiet {
		l.say(stdout, stderr)
	}
	return int(l.verdict)
}

// socketError says what keeps an inherited descriptor from being a socket. At a
// start it is the listening that says so.
func socketError(fd int) error {
	_, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err
}

// say prints what was found as HAProxy does: problems and notes to stderr, the
// verdict to stdout.
func (l *loaded) say(stdout, stderr io.Writer) {
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
}

// checkCommand is "bascule check [flags] [--json] [--advice] FILE...". Its exit
// code is the verdict, as with -c; advice does not change it.
func checkCommand(args []string, stdout, stderr io.Writer) int {
	asked := map[string]bool{}
	words, files := apart(args, func(flag string) bool {
		is := flag == "--advice" || flag == "--json"
		asked[flag] = asked[flag] || is
		return is
	})
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
	l := f.load()
	var found []advice.Finding
	if asked["--advice"] && l.cfg != nil {
		found = advice.Give(l.cfg)
	}
	switch {
	case asked["--json"]:
		if err := writeReport(stdout, &l, found); err != nil {
			engine.Complain(stderr, err)
			return 1
		}
	case !f.quiet:
		l.say(stdout, stderr)
		writeAdvice(stdout, found)
	}
	return int(l.verdict)
}

// apart splits the arguments of a command into HAProxy's flags and files; own
// says which flags are the command's.
func apart(args []string, own func(flag string) bool) (words, files []string) {
	for i := 0; i < len(args); i++ {
		switch {
		case own(args[i]):
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
	return words, files
}

// writeAdvice prints findings; what and why are said once for each kind.
func writeAdvice(w io.Writer, found []advice.Finding) {
	said := map[string]bool{}
	for _, a := range found {
		fmt.Fprintf(w, "[ADVICE]   %s:%d : %s : %s\n", a.At.File, a.At.Line, a.ID, a.Text)
		if !said[a.ID] && a.ID != "without-meaning" {
			fmt.Fprintf(w, "      = %s\n      = instead: %s\n", a.Why, a.Instead)
		}
		said[a.ID] = true
	}
	if len(found) > 0 {
		fmt.Fprintf(w, "%d pieces of advice; bascule doc --advice lists what is looked for.\n", len(found))
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
