package lang

import (
	"strings"
	"testing"
)

func TestProblemsPrintInHAProxysShapeWithAnExcerpt(t *testing.T) {
	p := Problems{List: []Problem{
		{Severity: Alert, Pos: Pos{"f.cfg", 3, 5}, Len: 7, Line: "    balence roundrobin", Near: "balance", Where: []string{"defaults", "backend"},
			Text: "unknown keyword 'balence' in 'backend' section; did you mean 'balance' maybe ?"},
		{Severity: Alert, Pos: Pos{"f.cfg", 12, 9}, Len: 3, Line: "\tserver\ts1 127.0.0.1", Shape: Placed, Text: "'server b/s1' : missing port"},
		{Severity: Warning, Shape: Whole, Text: "missing timeouts for frontend 'f'.\n   | To fix this"},
		{Severity: Notice, Pos: Pos{"f.cfg", 7, 1}, Text: "'hello'."},
		{Severity: Alert, Pos: Pos{"f.cfg", 9, 40}, Line: "short", Text: "a caret outside the line"},
		{Severity: Alert, Pos: Pos{"f.cfg", 8, 8}, Len: 1, Line: "acl é x", Text: "a character of two bytes"},
		{Severity: Alert, Pos: Pos{"f.cfg", 9, 6}, Line: "mode \x1b[31m", Len: 5, Text: "control \x1b\rbytes", Near: "\x1bmode", Allowed: []string{"http", "tcp"}},
	}}
	want := `[ALERT]    (42) : config : parsing [f.cfg:3] : unknown keyword 'balence' in 'backend' section; did you mean 'balance' maybe ?
    3 |     balence roundrobin
      |     ^^^^^^^
      = did you mean: balance
      = allowed in: defaults, backend
[ALERT]    (42) : config : [f.cfg:12] : 'server b/s1' : missing port
   12 | >server>s1 127.0.0.1
      | >      >^^^
[WARNING]  (42) : config : missing timeouts for frontend 'f'.
   | To fix this
[NOTICE]   (42) : config : parsing [f.cfg:7] : 'hello'.
[ALERT]    (42) : config : parsing [f.cfg:9] : a caret outside the line
    9 | short
[ALERT]    (42) : config : parsing [f.cfg:8] : a character of two bytes
    8 | acl é x
      |       ^
[ALERT]    (42) : config : parsing [f.cfg:9] : control ??bytes
    9 | mode ?[31m
      |      ^^^^^
      = did you mean: ?mode
      = allowed: http, tcp
`
	var b strings.Builder
	if err := p.Write(&b, 42); err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(b.String(), "\t", ">"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if n := p.Alerts(); n != 5 {
		t.Errorf("%d alerts, want 5", n)
	}
}
