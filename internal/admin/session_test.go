package admin

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// patience bounds every wait of these tests.
const patience = time.Minute

// commands is a table that shows how calls arrive.
func commands() []Command {
	return []Command{
		{Words: "show", Text: "shows its arguments", Run: func(c *Call) { fmt.Fprintf(c.Out(), "%q\n", c.Args) }},
		{Words: "show payload", Text: "shows its payload", Payload: true, Run: func(c *Call) { fmt.Fprintf(c.Out(), "%q %q\n", c.Args, c.Payload) }},
		{Words: "set thing", Text: "says something", Level: Admin, Run: func(c *Call) { c.Say("done %s", c.Arg(0)) }},
		{Words: "fail", Text: "fails", Level: Operator, Run: func(c *Call) { c.Fail("no") }},
		{Words: "panic", Text: "panics", Run: func(*Call) { panic("told to") }},
	}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// talk sends text in one piece, shuts down that side, and returns all answers.
func talk(t *testing.T, s *Server, level Level, text string) string {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // ends with the session
		conn, err := l.Accept()
		if err == nil {
			s.Session(conn, level, "none")
		}
	}()
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, text) // a session that ends sooner has its answer
	_ = conn.(*net.UnixConn).CloseWrite()
	answer, _ := io.ReadAll(conn) // a reset after the answer is an end as well
	return string(answer)
}

func TestSession(t *testing.T) {
	for _, c := range []struct {
		name, say, want string
		level           Level
	}{
		{"one line is answered, then closed", "show a b\n", "[\"a\" \"b\"]\n\n", Admin},
		{"lines that came together are answered together", "show a\nshow b\n", "[\"a\"]\n\n[\"b\"]\n\n", Admin},
		{"a semicolon chains", "show a;show b\n", "[\"a\"]\n\n[\"b\"]\n\n", Admin},
		{"a backslash keeps blanks and semicolons", `show a\ b\;c` + "\n", "[\"a b;c\"]\n\n", Admin},
		{"the longest words win", "show payload x\n", "[\"x\"] \"\"\n\n", Admin},
		{"a carriage return is no word", "show a\r\n", "[\"a\"]\n\n", Admin},
		{"a payload ends with an empty line", "show payload k <<\none\ntwo\n\n", "[\"k\"] \"one\\ntwo\\n\"\n\n", Admin},
		{"a payload ends with its pattern", "show payload <<END\none\n\ntwo\nEND\nshow z\n", "[] \"one\\n\\ntwo\\n\"\n\n[\"z\"]\n\n", Admin},
		{"a payload that does not end is not used", "show payload <<\none\n", "", Admin},
		{"two angles inside a word are none", "show a<<\n", "[\"a<<\"]\n\n", Admin},
		{"a line without its end is a line", "show a", "[\"a\"]\n\n", Admin},
		{"below the level", "set thing x\n", "Permission denied\n\n", Operator},
		{"at the level", "set thing x\n", "done x\n\n", Admin},
		{"a level can only be lowered", "operator;fail;user;fail;operator;show z\n", "\nno\n\n\nPermission denied\n\nPermission denied\n\n[\"z\"]\n\n", Admin},
		{"severity as a number", "set severity-output number;fail;set thing x;show r\n", "\n[3]: no\n\n[6]: done x\n\n[\"r\"]\n\n", Admin},
		{"severity as a word", "set severity-output string;fail\n", "\n[err]: no\n\n", Admin},
		{"severity that is none", "set severity-output loud\n", "one of 'none', 'number', 'string' is a required argument\n\n", Admin},
		{"quit says nothing", "show a;quit;show b\n", "[\"a\"]\n\n", Admin},
		{"a prompt", "prompt\nshow a\nquit\n", "\n> [\"a\"]\n\n> ", Admin},
		{"a prompt twice is none", "prompt;prompt\n", "\n> \n", Admin},
		{"interactive without a prompt", "prompt i\nshow a\nshow b\n", "\n[\"a\"]\n\n[\"b\"]\n\n", Admin},
		{"interactive no more", "prompt p;prompt n;show a\n", "\n> \n[\"a\"]\n\n", Admin},
		{"a timeout that is none", "set timeout cli never\n", "Invalid timeout value.\n\n", Admin},
		{"a timeout of something else", "set timeout world 5\n", "'set timeout' only supports 'cli'.\n\n", Admin},
		{"a panic ends the session alone", "panic\n", "", Admin},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewServer(commands(), patience, quiet())
			if got := talk(t, s, c.level, c.say); got != c.want {
				t.Errorf("%q\n got %q\nwant %q", c.say, got, c.want)
			}
			s.Close()
		})
	}
}

func TestUnknownCommands(t *testing.T) {
	s := NewServer(commands(), patience, quiet())
	for _, c := range []struct{ name, say, has, hasNot string }{
		{"a word nearby is offered", "shwo x\n", "better match:\n  show ", "fail"},
		{"the start of a command offers those", "set\n", "better match:\n  set thing ", "fail"},
		{"a stranger gets all", "xyzzy\n", "Please enter one of the following commands only:\n  fail ", ""},
		{"nothing gets all", "\n", "Please enter one of the following commands only:\n  fail ", ""},
		{"help lists all", "help\n", "  quit ", ""},
		{"help with a word lists those", "help set\n", "  set thing ", "fail"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := talk(t, s, Admin, c.say)
			if !strings.Contains(got, c.has) || c.hasNot != "" && strings.Contains(got, c.hasNot) {
				t.Errorf("%q is answered with\n%s", c.say, got)
			}
		})
	}
	if got := talk(t, s, User, "help\n"); strings.Contains(got, "set thing") || !strings.Contains(got, "panic") {
		t.Errorf("help for a user lists\n%s", got)
	}
}

func TestALineThatIsTooLongEndsTheSession(t *testing.T) {
	s := NewServer(commands(), patience, quiet())
	if got := talk(t, s, Admin, "show "+strings.Repeat("x", maxLine)+"\n"); got != "" {
		t.Errorf("it is answered with %d bytes", len(got))
	}
	long := strings.Repeat("y", maxLine-100)
	if got := talk(t, s, Admin, "show "+long+"\n"); !strings.Contains(got, long) {
		t.Errorf("a line that fits is answered with %d bytes", len(got))
	}
}

func TestAPayloadThatIsTooLongEndsTheSession(t *testing.T) {
	s := NewServer(commands(), patience, quiet())
	lines := strings.Repeat(strings.Repeat("x", 1023)+"\n", maxPayload/1024+1)
	if got := talk(t, s, Admin, "show payload <<\n"+lines+"\n"); got != "" {
		t.Errorf("it is answered with %d bytes", len(got))
	}
}

func TestASilentSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(commands(), 30*time.Second, quiet())
		ours, theirs := net.Pipe()
		done := make(chan time.Duration, 1)
		began := time.Now()
		go func() { // ends with the session
			s.Session(theirs, Admin, "none")
			done <- time.Since(began)
		}()
		if _, err := io.WriteString(ours, "prompt;set timeout cli 5\n"); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(ours)
		for range 2 {
			if _, err := r.ReadString('>'); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = io.Copy(io.Discard, r)
		if took := <-done; took != 5*time.Second {
			t.Errorf("it ended after %v, want 5 s", took)
		}
	})
}

func TestSessionsAreBounded(t *testing.T) {
	s := NewServer(commands(), patience, quiet())
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { // ends with Close
		s.Serve(l, "test", Admin)
		close(served)
	}()
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	var open []net.Conn
	for range maxSessions {
		c := dial()
		defer c.Close()
		open = append(open, c)
		if _, err := io.WriteString(c, "prompt\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
	}
	late := dial()
	defer late.Close()
	if _, err := io.WriteString(late, "show late\n"); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	if n := len(s.conns); n != maxSessions {
		t.Errorf("%d sessions, at most %d", n, maxSessions)
	}
	s.mu.Unlock()
	open[0].Close()
	if answer, err := io.ReadAll(late); err != nil || string(answer) != "[\"late\"]\n\n" {
		t.Errorf("the one that waited gets %q, %v", answer, err)
	}
	s.Close()
	select {
	case <-served:
	case <-time.After(patience):
		t.Error("Close does not end Serve")
	}
}

func FuzzLine(f *testing.F) {
	for _, line := range []string{"show a;show b", `show a\ b`, "x <<", "x <<END", "set severity-output number;fail", "@1 show", "prompt;quit", "\\", ";;;", "<<"} {
		f.Add(line)
	}
	s := NewServer(commands()[:4], 0, quiet())
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "\n") || len(line) > maxLine/2 {
			return // a longer line ends the session, which another test shows
		}
		mark := ""
		for _, command := range SplitCommands(line) {
			rest, end, ok := cutPayload(command)
			mark = end
			if ok && (strings.ContainsAny(end, " \t") || len(rest) > len(command)) {
				t.Errorf("%q: payload mark %q, rest %q", command, end, rest)
			}
			for _, a := range splitArgs(rest) {
				if a == "" && !strings.Contains(rest, `\`) {
					t.Errorf("%q has an empty word", rest)
				}
			}
		}
		ours, theirs := net.Pipe()
		go func() { // ends with the session
			s.Session(theirs, Admin, "none")
		}()
		go func() { // ends with the session
			_, _ = io.WriteString(ours, line+"\n"+mark+"\nquit\n")
		}()
		if err := ours.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, ours); err != nil {
			t.Fatalf("%q hangs: %v", line, err)
		}
		ours.Close()
	})
}
