package rule

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"bascule/internal/lang"
)

// split cuts a line at blanks; 'single quotes' keep them.
func split(t testing.TB, line string) []lang.Word {
	t.Helper()
	words, err := lang.Split(line, lang.Pos{File: "t.cfg", Line: 1, Col: 1}, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return words
}

// compile reads one acl, http-request, http-response, http-after-response or
// use_backend line of a frontend with the ACL a1.
func compileLine(t testing.TB, line string, acls *ACLs) (*Action, *lang.Problems) {
	t.Helper()
	return compileIn(t, line, acls, &ParseEnv{Proxy: "frontend 'f'", Front: true, ReadFile: os.ReadFile, AddCapture: func(int) int { return 0 }})
}

func compileIn(t testing.TB, line string, acls *ACLs, env *ParseEnv) (*Action, *lang.Problems) {
	t.Helper()
	var p lang.Problems
	words := split(t, line)
	rest := words[1:]
	switch words[0].Text {
	case "acl":
		acls.Parse(rest, &p)
		return nil, &p
	case "use_backend":
		c := ParseCondOf("error detected while parsing switching rule", rest[1:], acls, &p)
		c.CheckSwitch(&p)
		return nil, &p
	case "tcp-request", "tcp-response":
		for set := TCPRequestConnection; set <= TCPResponseContent; set++ {
			if set.String() == words[0].Text+" "+words[1].Text {
				return ParseAction(set, rest[1:], acls, env, &p), &p
			}
		}
		t.Fatalf("no rule set begins %q", line)
	case "http-request":
		return ParseAction(HTTPRequest, rest, acls, env, &p), &p
	case "http-response":
		return ParseAction(HTTPResponse, rest, acls, env, &p), &p
	}
	return ParseAction(HTTPAfterResponse, rest, acls, env, &p), &p
}

func newACLs(t testing.TB) *ACLs {
	acls := &ACLs{ReadFile: os.ReadFile}
	if _, p := compileLine(t, "acl a1 path /x", acls); len(p.List) > 0 {
		t.Fatal(p.List)
	}
	return acls
}

// TestProblems checks the verdict on each line of testdata/lines.txt, and the
// text of problems against it.
func TestProblems(t *testing.T) {
	acls := newACLs(t)
	for _, c := range readCases(t) {
		t.Run(c.line, func(t *testing.T) {
			_, p := compileLine(t, c.line, acls)
			got := ""
			if len(p.List) > 0 {
				got = p.List[0].Text
			}
			if c.problem == "" && got != "" {
				t.Fatalf("got problem %q, want none", got)
			}
			if !strings.Contains(got, c.problem) || c.problem != "" && got == "" {
				t.Errorf("got problem %q, want %q in it", got, c.problem)
			}
			if alert := p.Alerts() > 0; alert != c.alert {
				t.Errorf("got alert %v, want %v: %v", alert, c.alert, p.List)
			}
		})
	}
}

// TestSameVerdictAsHAProxy gives the same lines to haproxy -c, which refuses
// and warns of the same ones.
func TestSameVerdictAsHAProxy(t *testing.T) {
	cases := readCases(t)
	said := judge(t, cases)
	for i, c := range cases {
		want := ""
		switch {
		case c.alert:
			want = "ALERT"
		case strings.HasPrefix(c.problem, "parsing acl keyword"): // haproxy names no line here
		case c.problem != "":
			want = "WARNING"
		}
		if got := said[i]; got != want && !c.differs {
			t.Errorf("%s: haproxy says %q, we say %q (%s)", c.line, got, want, c.problem)
		} else if got == want && c.differs {
			t.Errorf("%s: said to differ, but both say %q", c.line, got)
		}
	}
}

// judge gives what haproxy says of each line: ALERT, WARNING or nothing. Some
// errors end its reading; then it is started again behind them.
func judge(t *testing.T, cases []readCase) map[int]string {
	haproxy := lookHAProxy(t)
	const before = "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n" +
		"frontend f\n bind 127.0.0.1:18080\n acl a1 path /x\n"
	shape := regexp.MustCompile(`(?m)^\[(ALERT|WARNING)\].*parsing \[[^:]*:(\d+)\]`)
	path := filepath.Join(t.TempDir(), "t.cfg")
	said := make(map[int]string)
	for from := 0; from < len(cases); {
		text := before
		for _, c := range cases[from:] {
			// lines of their own take the warning that what follows a final action never runs
			text += c.line + "\nhttp-request del-header Z\nhttp-response del-header Z\n"
		}
		if err := os.WriteFile(path, []byte(text+"backend b\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := exec.Command(haproxy, "-c", "-f", path).CombinedOutput()
		last := -1
		for _, m := range shape.FindAllStringSubmatch(string(out), -1) {
			n, _ := strconv.Atoi(m[2])
			n -= 1 + strings.Count(before, "\n")
			i := from + n/3
			if n < 0 || i >= len(cases) {
				t.Fatalf("haproxy -c: %s", out)
			}
			if n%3 != 0 {
				continue
			}
			if said[i] != "ALERT" {
				said[i] = m[1]
			}
			if m[1] == "ALERT" {
				last = max(last, i)
			}
		}
		if last < 0 {
			break
		}
		from = last + 1
	}
	if len(said) < len(cases)/4 {
		t.Fatalf("haproxy -c found only %d problems", len(said))
	}
	return said
}

func lookHAProxy(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("haproxy")
	if err != nil {
		t.Fatal("this test compares with Debian's haproxy, which is not installed: `make deps` does that")
	}
	return path
}

// A readCase is one line and what is said about it.
type readCase struct {
	line    string
	problem string // part of its text, "" for none
	alert   bool
	differs bool // haproxy judges otherwise
}

// readCases reads lines of the form "line" or "line → text", with → for an
// alert, ⇢ for a warning, and ≠ behind either where haproxy judges otherwise.
func readCases(t *testing.T) []readCase {
	t.Helper()
	data, err := os.ReadFile("testdata/lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	var cases []readCase
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		c := readCase{line: line}
		for _, sign := range [...]string{" → ", " →≠ ", " ⇢ "} {
			if before, after, ok := strings.Cut(line, sign); ok {
				c = readCase{strings.TrimSpace(before), strings.TrimSpace(after), strings.Contains(sign, "→"), strings.Contains(sign, "≠")}
			}
		}
		cases = append(cases, c)
	}
	return cases
}
