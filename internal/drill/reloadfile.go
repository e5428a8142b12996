package drill

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// file is the text of a configuration whose servers come, go and change their weight.
type file struct {
	path  string
	lines []string
	taken map[string]string // lines that were removed, by server
}

func readFile(path string) (*file, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return &file{path: path, lines: strings.Split(string(text), "\n"), taken: map[string]string{}}, nil
}

// write replaces the file at once, so that nobody reads half of it.
func (f *file) write() error {
	if err := os.WriteFile(f.path+".new", []byte(strings.Join(f.lines, "\n")), 0o600); err != nil {
		return err
	}
	return os.Rename(f.path+".new", f.path)
}

// server returns the index of a server's line, -1 if there is none.
func (f *file) server(name string) int {
	return slices.IndexFunc(f.lines, func(line string) bool {
		words := strings.Fields(line)
		return len(words) > 1 && words[0] == "server" && words[1] == name
	})
}

// add puts a server's line behind the last one of its backend: the line that was
// removed before if there is one, else a new one.
func (f *file) add(backend, name, addr string) error {
	line := f.taken[name]
	if line == "" {
		line = "    server " + name + " " + addr
		if backend == APIPool {
			line += " cookie " + name
		}
	}
	inside, last := false, -1
	for i, line := range f.lines {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case line[0] != ' ' && line[0] != '#':
			inside = words[0] == "backend" && len(words) > 1 && words[1] == backend
		case inside && words[0] == "server":
			last = i
		}
	}
	if last < 0 {
		return fmt.Errorf("%s: backend %s has no server", f.path, backend)
	}
	f.lines = slices.Insert(f.lines, last+1, line)
	delete(f.taken, name)
	return nil
}

var errNoLine = errors.New("the file has no line of it")

func (f *file) remove(name string) error {
	i := f.server(name)
	if i < 0 {
		return fmt.Errorf("%s: %w", name, errNoLine)
	}
	f.taken[name] = f.lines[i]
	f.lines = slices.Delete(f.lines, i, i+1)
	return nil
}

var weightWords = regexp.MustCompile(` weight \d+`)

func (f *file) weigh(name string, weight int64) error {
	i := f.server(name)
	if i < 0 {
		return fmt.Errorf("%s: %w", name, errNoLine)
	}
	f.lines[i] = weightWords.ReplaceAllString(f.lines[i], "") + fmt.Sprintf(" weight %d", weight)
	return nil
}

// rule puts a header into every reply, in the frontend, instead of the one before.
func (f *file) rule(value int64) error {
	f.lines = slices.DeleteFunc(f.lines, func(line string) bool { return strings.Contains(line, ruleHeader) })
	return f.after("bind ", fmt.Sprintf("    http-response set-header %s %d", ruleHeader, value))
}

// ruleHeader is what the changing rule sets.
const ruleHeader = "X-Drill"

func (f *file) bind(addr string) error { return f.after("bind ", "    bind "+addr) }

func (f *file) unbind(addr string) error {
	was := len(f.lines)
	f.lines = slices.DeleteFunc(f.lines, func(line string) bool { return strings.TrimSpace(line) == "bind "+addr })
	if len(f.lines) == was {
		return fmt.Errorf("bind %s: %w", addr, errNoLine)
	}
	return nil
}

// after puts a line behind the first that begins so.
func (f *file) after(begin, line string) error {
	i := slices.IndexFunc(f.lines, func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), begin) })
	if i < 0 {
		return fmt.Errorf("%s: %w", begin, errNoLine)
	}
	f.lines = slices.Insert(f.lines, i+1, line)
	return nil
}

// with returns the file with one line put before another, for a while: the index
// counts from 0.
func (f *file) with(i int, line string) *file {
	return &file{path: f.path, lines: slices.Insert(slices.Clone(f.lines), i, line)}
}

// change is one difference between two configurations.
type change struct {
	what    string // same, add, remove, expel, weight, rule, bind, unbind or bad
	backend string
	server  string
	weight  int64 // or what the rule says
}

func (c change) String() string {
	switch c.what {
	case "weight":
		return fmt.Sprintf("%s gets weight %d", c.server, c.weight)
	case "add", "remove":
		return c.what + " " + c.server
	case "expel":
		return "remove " + c.server + " within " + expelWithin.String()
	}
	return map[string]string{"same": "no change", "rule": "a changed rule", "bind": "a new bind", "unbind": "the bind removed"}[c.what]
}

// round is what happens again and again. One half of the WebSockets is on a server that
// is removed and comes back, some are on one that was added and goes: they have to go
// with it.
var round = []change{
	{"same", "", "", 0},
	{"add", APIPool, guestServer, 0},
	{"weight", APIPool, "backend-api-1", 0},
	{"rule", "", "", 0},
	{"bind", "", "", 0},
	{"remove", APIPool, "backend-api-2", 0},
	{"bad", "", "", 0},
	{"add", APIPool, "backend-api-2", 0},
	{"unbind", "", "", 0},
	{"expel", APIPool, guestServer, 0},
}

// guestServer is added, and goes.
const guestServer = "backend-api-3"

// expelWithin is drain-removed of the removal after which WebSockets have to go, and
// that of the file: which gives the others more time than the drill takes.
const expelWithin = time.Second

// deadline gives the servers that are removed from a backend so long, 0: the default.
// Another HAProxy does not read it.
func (f *file) deadline(backend string, within time.Duration) error {
	i := slices.Index(f.lines, "backend "+backend)
	if i < 0 {
		return fmt.Errorf("backend %s: %w", backend, errNoLine)
	}
	const begin, end = "    .if feature(BASCULE)", "    .endif"
	at := slices.IndexFunc(f.lines, func(line string) bool { return strings.HasPrefix(line, "    drain-removed ") })
	if at >= 0 {
		f.lines = slices.Delete(f.lines, at-1, at+2)
	}
	if within > 0 {
		f.lines = slices.Insert(f.lines, i+1, begin, "    drain-removed "+within.String(), end)
	}
	return nil
}

const (
	// weights are given in turn, from the lowest; the highest is HAProxy's 256.
	lowestWeight, weights = 2, 200
)

// changeAt returns the change of the reload n, which counts from 0. A weight is never
// the one that the server has.
func changeAt(n int) change {
	c := round[n%len(round)]
	if c.what == "weight" || c.what == "rule" {
		c.weight = int64(lowestWeight + n%weights)
	}
	return c
}
