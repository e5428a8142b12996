package cli

import (
	"bytes"
	"slices"
	"testing"
)

func TestTablesAreCutToWhatATerminalHolds(t *testing.T) {
	for _, c := range []struct{ name, answer, want string }{
		{"no table", "be/s1 is fine\nso", "be/s1 is fine\nso\n"},
		{"states", "1\n# be_name srv_name\nbe s1\nbackend s2", "be_name  srv_name\nbe       s1\nbackend  s2\n"},
		{"statistics", "# pxname,svname,qcur,comp_in,status,\nfe,FRONTEND,,0,OPEN,\nbe,\"a, b\",3,0,UP,", "proxy  name      status  queue\nfe     FRONTEND  OPEN    \nbe     a, b      UP      3\n"},
		{"a short row", "# a b\nx", "a  b\nx  \n"},
	} {
		var b bytes.Buffer
		if writeTable(&b, c.answer); b.String() != c.want {
			t.Errorf("%s:\n%q, want\n%q", c.name, b.String(), c.want)
		}
	}
}

func TestAnswersAsJSON(t *testing.T) {
	for _, c := range []struct{ answer, want string }{
		{"# a,b,\n1,\"x,\"\"y\",", `[{"a":"1","b":"x,\"y"}]`},
		{"[{\"a\":1}]", `[{"a":1}]`},
		{"{\"id\":1}\n{\"id\":2}", "{\"id\":1}\n{\"id\":2}"},
		{"10 (initial 5)", `{"answer":"10 (initial 5)"}`},
		{"# a b", `[]`},
		{"", `{"answer":""}`},
	} {
		var b bytes.Buffer
		if writeJSONAnswer(&b, c.answer); b.String() != c.want+"\n" {
			t.Errorf("%q is %s, want %s", c.answer, b.String(), c.want)
		}
	}
}

func TestCtlReadsItsCommands(t *testing.T) {
	for _, c := range []struct {
		args, commands []string
		socket         string
		bad            bool
	}{
		{args: []string{"show", "stat"}, commands: []string{"show stat"}},
		{args: []string{"-s", "x", "show stat; ;show info;"}, commands: []string{"show stat", "show info"}, socket: "x"},
		{args: []string{`set var proc.a str(a\;b)`}, commands: []string{`set var proc.a str(a\;b)`}},
		{args: []string{"show", "events", "-w"}, commands: []string{"show events -w"}},
		{args: []string{"--json"}, bad: true}, {args: []string{"-s"}, bad: true}, {args: []string{"--no", "show stat"}, bad: true}, {args: []string{";"}, bad: true},
	} {
		o, err := parseCtl(c.args)
		if (err != nil) != c.bad || !c.bad && (!slices.Equal(o.commands, c.commands) || o.socket != c.socket) {
			t.Errorf("%q: %q at %q, %v", c.args, o.commands, o.socket, err)
		}
	}
	for command, want := range map[string]bool{"show events": false, "show events -w": true, "show events -nw": true, "show events -n --json": false, "show stat -w": false} {
		if follows(command) != want {
			t.Errorf("%s follows: %t", command, !want)
		}
	}
}
