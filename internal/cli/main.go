// Package cli is bascule's command line: HAProxy's flags, and commands.
package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"bascule/internal/demo"
	"bascule/internal/drill"
	"bascule/internal/engine"
	"bascule/internal/fleet"
	"bascule/internal/master"
)

// Main is the program; args begin with its name. It returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	inherited := master.Inherited()
	name := filepath.Base(args[0])
	words := args[1:]
	if len(words) > 0 && asksHelp(words) {
		writeVersion(stdout)
		fmt.Fprint(stdout, usageText)
		return 0
	}
	if len(words) > 0 {
		if run, ok := commands[words[0]]; ok {
			return run(words[1:], stdin, stdout, stderr)
		}
		if words[0] == "run" {
			words = words[1:]
		}
	}
	f, err := parseFlags(words)
	if err == nil && len(f.files) == 0 && f.version == 0 && f.condition == nil {
		err = errUsage(name + " expects a configuration, by -f or after --")
	}
	if err != nil {
		return usage(stderr, err)
	}
	switch {
	case f.version == 1:
		writeVersion(stdout)
		return 0
	case f.version == 2:
		writeBuild(stdout)
		return 0
	case f.condition != nil:
		return condition(f, stderr)
	}
	stderr = toJournal(stderr)
	if err := f.chdirOnce(); err != nil {
		engine.Complain(stderr, err)
		return 1
	}
	if f.check {
		return check(f, stdout, stderr)
	}
	p := &process{flags: f, args: args, inherited: inherited, stderr: stderr, log: newLog(stderr, f.quiet), null: devNull()}
	return p.run()
}

// asksHelp says whether -h or --help stands first, or behind a command that
// does not bring help of its own.
func asksHelp(words []string) bool {
	switch words[0] {
	case "check", "ctl", "explain", "reload", "doc", "version", "run":
		words = words[1:]
	}
	return len(words) > 0 && (words[0] == "-h" || words[0] == "--help" || words[0] == "help")
}

// chdirOnce does it in the first process of a start; the others are started
// from there.
func (f *flags) chdirOnce() error {
	if os.Getenv(master.WorkerVariable) != "" || os.Getenv(master.ReadyVariable) != "" {
		return nil
	}
	return f.chdir()
}

func (f *flags) chdir() error {
	if f.dir == "" {
		return nil
	}
	if err := os.Chdir(f.dir); err != nil {
		return fmt.Errorf("Could not change to directory %s : %w", f.dir, err)
	}
	return nil
}

// commands are the first words that are no flags.
var commands = map[string]func(args []string, stdin io.Reader, stdout, stderr io.Writer) int{
	"check":   func(a []string, _ io.Reader, o, e io.Writer) int { return checkCommand(a, o, e) },
	"explain": func(a []string, _ io.Reader, o, e io.Writer) int { return explainCommand(a, o, e) },
	"ctl":     ctl,
	"reload":  func(a []string, _ io.Reader, o, e io.Writer) int { return reload(a, o, e) },
	"fleet":   func(a []string, _ io.Reader, o, e io.Writer) int { return fleet.Main(a, o, e) },
	"doc":     func(a []string, _ io.Reader, o, e io.Writer) int { return doc(a, o, e) },
	"top":     topCommand,
	"demo":    demo.Main,
	"drill":   func(a []string, _ io.Reader, o, e io.Writer) int { return drill.Main(a, o, e) },
	"version": func(_ []string, _ io.Reader, o, _ io.Writer) int { writeVersion(o); return 0 },
}
