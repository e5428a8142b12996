package admin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	// maxLine is HAProxy's: a line fits into one buffer.
	maxLine = 16 << 10
	// maxPayload bounds what << may bring, e.g. a certificate with its chain.
	maxPayload = 1 << 20
	// maxPayloads bounds the payloads of all sessions together: a hundred clients
	// that send without end must not cost a hundred times the longest.
	maxPayloads = 4 << 20
	// writeTimeout bounds how long a session may not read its answers where it may
	// be silent for longer.
	writeTimeout = 30 * time.Second
)

// A mode says what happens after an answer.
type mode uint8

const (
	single      mode = iota // close
	interactive             // go on
	prompting               // go on, and show a prompt
)

// A session is one connection to the socket.
type session struct {
	srv      *Server
	conn     net.Conn
	name     string // of the socket
	r        *bufio.Reader
	w        *bufio.Writer
	level    Level
	severity string
	mode     mode
	timeout  time.Duration
	quit     bool
	route    string // where the master sends lines, "" itself

	working bool // it has the server's turn

	experimental, expert bool // modes that were asked for; nothing follows from them
}

func (s *session) serve() {
	defer s.conn.Close()
	for {
		if s.conn.SetReadDeadline(deadline(s.timeout)) != nil {
			return
		}
		line, err := s.r.ReadSlice('\n')
		if err != nil && (len(line) == 0 || !errors.Is(err, io.EOF)) {
			s.mayHaveSentTooMuch(err)
			return
		}
		s.line(strings.TrimRight(string(line), "\r\n"))
		// Lines that came together are answered together, as HAProxy does.
		if s.quit || s.mode == single && s.r.Buffered() == 0 {
			_ = s.flush() // the session is over either way
			return
		}
		if s.r.Buffered() == 0 && s.flush() != nil {
			return
		}
	}
}

func deadline(d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}

func (s *session) flush() error {
	return s.w.Flush()
}

// line runs the commands of one line.
func (s *session) line(line string) {
	commands := SplitCommands(line)
	for i, command := range commands {
		payload := ""
		if rest, mark, ok := cutPayload(command); ok && i == len(commands)-1 {
			command = rest
			cmd, _ := s.srv.table.find(splitArgs(command))
			if payload, ok = s.payload(mark, cmd != nil && cmd.Payload || s.srv.Route != nil); !ok {
				s.quit = true
				return
			}
			defer s.srv.held.Add(-int64(len(payload)))
		}
		c := &Call{session: s, Args: splitArgs(command), Payload: payload}
		if s.srv.Route != nil && s.srv.Route(c, strings.TrimSpace(command)) {
			s.next()
			continue
		}
		s.run(c)
		if s.quit {
			return
		}
		s.w.WriteByte('\n') // the end of every answer
		s.next()
	}
}

// next shows the prompt for the next command.
func (s *session) next() {
	if s.mode == prompting {
		s.w.WriteString(s.srv.prompt(s.route))
	}
}

// payload reads up to the line that ends it. What it returns, if that is kept, is
// counted in the server's held until the line is done.
func (s *session) payload(end string, keep bool) (text string, ok bool) {
	var b strings.Builder
	defer func() {
		if !ok {
			s.srv.held.Add(-int64(b.Len()))
		}
	}()
	for size := 0; ; {
		if s.mode == prompting {
			s.w.WriteString("+ ")
			if s.r.Buffered() == 0 && s.flush() != nil {
				return "", false
			}
		}
		line, err := s.r.ReadSlice('\n')
		if err != nil {
			s.mayHaveSentTooMuch(err)
			return "", false
		}
		if strings.TrimRight(string(line), "\r\n") == end {
			return b.String(), true
		}
		if size += len(line); size > maxPayload || s.srv.held.Load() > maxPayloads {
			s.srv.linger()
			return "", false
		}
		if keep {
			b.Write(line)
			s.srv.held.Add(int64(len(line)))
		}
	}
}

// mayHaveSentTooMuch lets a client wait that has sent a line without an end.
func (s *session) mayHaveSentTooMuch(err error) {
	if errors.Is(err, bufio.ErrBufferFull) {
		s.srv.linger()
	}
}

// run runs one command. The answer's empty line is not written here.
func (s *session) run(c *Call) {
	if s.own(c) {
		return
	}
	cmd, n := s.srv.table.find(c.Args)
	if cmd == nil {
		s.unknown(c.Args)
		return
	}
	if s.level < cmd.Level {
		c.Fail("Permission denied")
		return
	}
	c.Args = c.Args[n:]
	s.work(func() { cmd.Run(c) })
	if after := s.srv.After; after != nil && !strings.HasPrefix(cmd.Words, "show ") {
		after()
	}
}

// work runs a command in the server's turn.
func (s *session) work(run func()) {
	s.srv.turn.take()
	s.working = true
	defer func() {
		s.working = false
		s.srv.turn.give()
	}()
	run()
}

// apart gives the turn back while wait runs.
func (s *session) apart(wait func()) {
	if !s.working {
		wait()
		return
	}
	s.srv.turn.give()
	s.working = false
	defer func() {
		s.srv.turn.take()
		s.working = true
	}()
	wait()
}

// Apart runs what waits for something else than memory and processor, so that
// commands of other sessions are not held up.
func (c *Call) Apart(wait func()) { c.apart(wait) }

// own runs the commands about the session itself, which every table has.
func (s *session) own(c *Call) bool {
	switch c.Arg(0) {
	case "quit":
		s.quit = true
	case "help":
		s.help(c.Args[1:])
	case "prompt":
		s.prompt(c)
	case "user":
		s.level = User
	case "operator":
		if s.level < Operator {
			c.Fail("Permission denied")
			return true
		}
		s.level = Operator
	case "experimental-mode", "expert-mode":
		s.accept(c)
	case "set":
		return s.set(c)
	default:
		return false
	}
	return true
}

// accept is experimental-mode and expert-mode: no command here is hidden behind
// them, and who sends them before a command gets on.
func (s *session) accept(c *Call) {
	mode := &s.experimental
	if c.Arg(0) == "expert-mode" {
		mode = &s.expert
	}
	switch c.Arg(1) {
	case "on", "off":
		*mode = c.Arg(1) == "on"
	case "":
		fmt.Fprintf(s.w, "%s is %s\n", c.Arg(0), map[bool]string{true: "ON", false: "OFF"}[*mode])
	}
}

func (s *session) set(c *Call) bool {
	switch c.Arg(1) {
	case "timeout":
		if c.Arg(2) != "cli" {
			c.Fail("'set timeout' only supports 'cli'.")
			return true
		}
		n, err := parseSeconds(c.Arg(3))
		if err != nil {
			c.Fail("Invalid timeout value.")
			return true
		}
		s.timeout = n
	case "severity-output":
		switch v := c.Arg(2); v {
		case "none", "number", "string":
			s.severity = v
		default:
			c.Fail("one of 'none', 'number', 'string' is a required argument")
		}
	default:
		return false
	}
	return true
}

func parseSeconds(text string) (time.Duration, error) {
	if n, err := strconv.Atoi(text); err == nil {
		if n <= 0 || n > maxTimeout {
			return 0, strconv.ErrRange
		}
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(text)
	if err == nil && (d <= 0 || d > maxTimeout*time.Second) {
		err = strconv.ErrRange
	}
	return d, err
}

// maxTimeout is a day in seconds: a forgotten session ends at last.
const maxTimeout = 24 * 3600

// prompt changes what happens after an answer (HAProxy: prompt).
func (s *session) prompt(c *Call) {
	switch c.Arg(1) {
	case "":
		if s.mode == prompting {
			s.mode = single
		} else {
			s.mode = prompting
		}
	case "n":
		s.mode = single
	case "i":
		s.mode = interactive
	case "p":
		s.mode = prompting
	default:
		c.Say("Usage: prompt [help | n | i | p]\n" +
			"  n : one line, then the connection is closed\n" +
			"  i : many lines, without a prompt\n" +
			"  p : many lines, with a prompt\n" +
			"  no argument toggles between n and p")
	}
}

func (s *session) help(args []string) {
	list := s.srv.table.list
	if len(args) > 0 {
		list = s.srv.table.matching(args)
	}
	s.w.WriteString("The following commands are valid at this level:\n")
	writeHelp(s.w, s.permitted(list))
}

func (s *session) permitted(list []Command) []Command {
	var may []Command
	for _, c := range list {
		if c.Level <= s.level {
			may = append(may, c)
		}
	}
	return may
}

func (s *session) unknown(args []string) {
	if p := isPlanned(args); p != nil {
		s.say(SeverityError, fmt.Sprintf("'%s' is known but not supported yet: %s.", p.Words, p.Why))
		return
	}
	var b strings.Builder
	if list := s.permitted(s.srv.table.suggest(args)); len(list) > 0 {
		b.WriteString("Unknown command, but maybe one of the following ones is a better match:\n")
		writeHelp(&b, list)
	} else {
		b.WriteString("Unknown command. Please enter one of the following commands only:\n")
		writeHelp(&b, s.permitted(s.srv.table.list))
	}
	s.say(SeverityInfo, b.String())
}
