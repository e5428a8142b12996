package cli

import (
	"fmt"
	"strconv"
	"strings"
)

// flags are HAProxy's command line.
type flags struct {
	files      []string
	check      bool // -c
	condition  *string
	dir        string // -C
	daemon     bool   // -D
	master     bool   // -W
	systemd    bool   // -Ws
	foreground bool   // -db, -d
	pidfile    string // -p
	finish     []int  // -sf: soft stop
	terminate  []int  // -st: hard stop
	transfer   string // -x
	socket     string // -S
	peer       string // -L
	maxconn    int    // -n
	quiet      bool   // -q
	verbose    bool   // -V
	version    int    // 1 for -v, 2 for -vv
	zeroWarn   bool   // -dW
	diagnose   bool   // -dD
	disabled   map[string]bool
}

// errUsage is an error that the usage text answers.
type errUsage string

func (e errUsage) Error() string { return string(e) }

// takesValue are the flags with one argument.
var takesValue = map[string]func(f *flags, v string) error{
	"-f": func(f *flags, v string) error { f.files = append(f.files, v); return nil },
	"-C": func(f *flags, v string) error { f.dir = v; return nil },
	"-p": func(f *flags, v string) error { f.pidfile = v; return nil },
	"-x": func(f *flags, v string) error { f.transfer = v; return nil },
	"-S": func(f *flags, v string) error { f.socket = v; return nil },
	"-L": func(f *flags, v string) error { f.peer = v; return nil },
	"-n": func(f *flags, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return errUsage(fmt.Sprintf("-n expects a number of connections, got '%s'", v))
		}
		f.maxconn = n
		return nil
	},
	// A proxy's default and a memory limit have no meaning here.
	"-N": func(*flags, string) error { return nil },
	"-m": func(*flags, string) error { return nil },
	"-cc": func(f *flags, v string) error {
		f.condition = &v
		return nil
	},
}

// switches are the flags without an argument.
var switches = map[string]func(f *flags){
	"-c":  func(f *flags) { f.check = true },
	"-D":  func(f *flags) { f.daemon = true },
	"-W":  func(f *flags) { f.master = true },
	"-Ws": func(f *flags) { f.master, f.systemd = true, true },
	"-d":  func(f *flags) { f.foreground = true },
	"-db": func(f *flags) { f.foreground = true },
	"-q":  func(f *flags) { f.quiet = true },
	"-V":  func(f *flags) { f.verbose, f.quiet = true, false },
	"-v":  func(f *flags) { f.version = 1 },
	"-vv": func(f *flags) { f.version = 2 },
	"-dW": func(f *flags) { f.zeroWarn = true },
	"-dD": func(f *flags) { f.diagnose = true },
	// What follows tunes HAProxy's insides: accepted, and nothing here.
	"-de": func(f *flags) { f.disable("EPOLL") },
	"-dp": func(f *flags) { f.disable("POLL") },
	"-dS": func(f *flags) { f.disable("SPLICE") },
	"-dG": func(f *flags) { f.disable("GETADDRINFO") },
	"-dR": func(f *flags) { f.disable("REUSEPORT") },
	"-dV": func(f *flags) { f.disabled["SERVER-SSL-VERIFY-NONE"] = false },
	"-dF": func(f *flags) { f.disable("FAST-FORWARD") },
	"-dI": func(*flags) {},
	"-dr": func(*flags) {}, // names are resolved as init-addr says, always
	"-dL": func(*flags) {},
	"-dk": func(*flags) {},
	"-dv": func(*flags) {},
	"-dZ": func(*flags) {},
}

// attached are the flags whose argument, if any, follows without a blank.
var attached = []string{"-dM", "-dK", "-dC", "-dt"}

func (f *flags) disable(name string) { f.disabled[name] = true }

// enabled is the predicate enabled() of conditions.
func (f *flags) enabled(name string) bool {
	switch name {
	case "EPOLL", "SPLICE", "GETADDRINFO", "REUSEPORT", "POLL", "FAST-FORWARD":
		return !f.disabled[name]
	}
	return false
}

// parseFlags reads what follows the program's name.
func parseFlags(args []string) (*flags, error) {
	f := &flags{disabled: map[string]bool{}}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			f.files = append(f.files, args[i+1:]...)
			return f, nil
		}
		if set, ok := takesValue[arg]; ok {
			if i++; i == len(args) {
				return nil, errUsage(fmt.Sprintf("%s expects an argument", arg))
			}
			if err := set(f, args[i]); err != nil {
				return nil, err
			}
			continue
		}
		if arg == "-sf" || arg == "-st" {
			i += f.pids(arg, args[i+1:])
			continue
		}
		if err := f.flip(arg); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *flags) flip(arg string) error {
	if set, ok := switches[arg]; ok {
		set(f)
		return nil
	}
	for _, prefix := range attached {
		if strings.HasPrefix(arg, prefix) {
			return nil
		}
	}
	if !strings.HasPrefix(arg, "-") {
		return errUsage(fmt.Sprintf("'%s' is neither a flag nor a command; a file is given by -f %s", arg, arg))
	}
	return errUsage(fmt.Sprintf("unknown flag '%s'", arg))
}

// pids takes the numbers that follow -sf or -st and tells how many.
func (f *flags) pids(flag string, args []string) int {
	n := 0
	for _, a := range args {
		pid, err := strconv.Atoi(a)
		if err != nil || pid <= 0 {
			break
		}
		if flag == "-sf" {
			f.finish = append(f.finish, pid)
		} else {
			f.terminate = append(f.terminate, pid)
		}
		n++
	}
	return n
}
