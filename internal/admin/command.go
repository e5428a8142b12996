// Package admin is the runtime socket: lines of text that ask a running
// process what it does and steer it, with HAProxy's words and answers.
//
// What a socket understands is a table of commands. The worker's table is
// Commands; the master brings its own.
package admin

import (
	"bufio"
	"fmt"
	"io"
	"sort"
	"strings"
)

// A Level is what a session may do.
type Level uint8

// The levels, from least to most.
const (
	User     Level = iota // reads what is not sensitive
	Operator              // reads all, changes what is not sensitive
	Admin                 // all
)

func (l Level) String() string { return [...]string{"user", "operator", "admin"}[l] }

// ParseLevel reads the word of `stats socket … level`; no word is operator.
func ParseLevel(word string) Level {
	switch word {
	case "user":
		return User
	case "admin":
		return Admin
	}
	return Operator
}

// A Command is one entry of the table.
type Command struct {
	Words string // "show info"
	Usage string // what follows the words
	Text  string // what it does, for help
	Level Level  // least level; below it: Permission denied
	Run   func(c *Call)

	Payload bool // it takes one; others' are read and dropped
}

// A Call is one command being run.
type Call struct {
	Args    []string // after the command's words
	Payload string   // lines given by <<, without the end mark
	*session
}

// Arg is the i-th argument or "".
func (c *Call) Arg(i int) string {
	if i < len(c.Args) {
		return c.Args[i]
	}
	return ""
}

// The severities of messages are syslog's.
const (
	SeverityError  = 3
	SeverityNotice = 5
	SeverityInfo   = 6
)

var severityWords = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// Fail answers with an error message.
func (c *Call) Fail(format string, args ...any) { c.say(SeverityError, fmt.Sprintf(format, args...)) }

// Say answers with a message.
func (c *Call) Say(format string, args ...any) { c.say(SeverityInfo, fmt.Sprintf(format, args...)) }

// Note answers with a message about what was done.
func (c *Call) Note(format string, args ...any) { c.say(SeverityNotice, fmt.Sprintf(format, args...)) }

// say writes a message with the mark that "set severity-output" asked for.
func (s *session) say(severity int, text string) {
	switch s.severity {
	case "number":
		fmt.Fprintf(s.w, "[%d]: ", severity)
	case "string":
		fmt.Fprintf(s.w, "[%s]: ", severityWords[severity])
	}
	s.w.WriteString(strings.TrimRight(text, "\n"))
	s.w.WriteByte('\n')
}

// Out takes a dump: text without severity.
func (c *Call) Out() *bufio.Writer { return c.w }

// Severity is what "set severity-output" was set to: none, number or string.
func (c *Call) Severity() string { return c.severity }

// CallLevel is the level of the session.
func (c *Call) CallLevel() Level { return c.level }

// A table finds commands.
type table struct {
	list []Command // sorted by words
}

func newTable(commands []Command) table {
	t := table{list: append([]Command(nil), commands...)}
	sort.SliceStable(t.list, func(i, j int) bool { return t.list[i].Words < t.list[j].Words })
	return t
}

// find returns the command with the most words that args begin with, and the
// number of its words.
func (t *table) find(args []string) (*Command, int) {
	var best *Command
	most := 0
	for i := range t.list {
		words := strings.Fields(t.list[i].Words)
		if len(words) > most && hasPrefix(args, words) {
			best, most = &t.list[i], len(words)
		}
	}
	return best, most
}

func hasPrefix(args, words []string) bool {
	if len(args) < len(words) {
		return false
	}
	for i := range words {
		if args[i] != words[i] {
			return false
		}
	}
	return true
}

// helpColumn is where the text of a command begins in HAProxy's help.
const helpColumn = 40

func writeHelp(w io.Writer, list []Command) {
	for _, c := range list {
		usage := c.Words
		if c.Usage != "" {
			usage += " " + c.Usage
		}
		fmt.Fprintf(w, "  %-*s: %s\n", helpColumn-1, usage, c.Text)
	}
	for _, own := range [...][2]string{
		{"help [<command>]", "list matching or all commands"},
		{"prompt [help | n | i | p]", "toggle interactive mode with prompt"},
		{"quit", "disconnect"},
	} {
		fmt.Fprintf(w, "  %-*s: %s\n", helpColumn-1, own[0], own[1])
	}
}

// matching are the commands that begin with args, the last of which may be cut
// short.
func (t *table) matching(args []string) []Command {
	var list []Command
	for _, c := range t.list {
		if strings.HasPrefix(c.Words, strings.Join(args, " ")) || hasPrefix(args, strings.Fields(c.Words)) {
			list = append(list, c)
		}
	}
	return list
}

// Route is where the session sends lines that name nobody; see Server.Route.
func (c *Call) Route() string { return c.route }

// SetRoute changes Route.
func (c *Call) SetRoute(to string) { c.route = to }
