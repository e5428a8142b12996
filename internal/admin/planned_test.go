package admin

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// page holds the lists of commands.
const page = "../../docs/runtime-socket.md"

func TestPlannedCommandsSaySo(t *testing.T) {
	s := NewServer(Commands(nil), 0, quiet())
	for _, p := range planned {
		want := fmt.Sprintf("'%s' is known but not supported yet: %s.\n", p.Words, p.Why)
		if got := talk(t, s, Admin, p.Words+" x y\n"); !strings.HasPrefix(got, want) {
			t.Errorf("%s answers %q, want %q", p.Words, got, want)
		}
		if cmd, _ := s.table.find(strings.Fields(p.Words)); cmd != nil {
			t.Errorf("'%s' is planned and is a command: take it off the list", p.Words)
		}
	}
}

func TestThePageListsWhatIsPlanned(t *testing.T) {
	holds(t, "planned commands", plannedTable())
}

func TestThePageListsTheCommands(t *testing.T) {
	var b strings.Builder
	b.WriteString("| command | what it does | level |\n|---|---|---|\n")
	for _, c := range newTable(Commands(nil)).list {
		usage := strings.TrimSpace(c.Words + " " + c.Usage)
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.ReplaceAll(usage, "|", `\|`), c.Text, c.Level)
	}
	holds(t, "commands", b.String())
}

// holds compares what stands in the page between the marks of a list.
func holds(t *testing.T, list, want string) {
	t.Helper()
	begin, end := "<!-- "+list+" begin -->\n", "<!-- "+list+" end -->\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, found := strings.Cut(rest, end)
	if !ok || !found {
		t.Fatalf("%s has no list of %s", page, list)
	}
	if got == want {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("%s lists\n%s\nUPDATE=1 go test ./internal/admin rewrites it", page, got)
	}
	if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// plannedTable has one row for each reason, in the order of the list.
func plannedTable() string {
	words := map[string][]string{}
	var order []string
	for _, p := range planned {
		if words[p.Why] == nil {
			order = append(order, p.Why)
		}
		words[p.Why] = append(words[p.Why], "`"+p.Words+"`")
	}
	var b strings.Builder
	b.WriteString("| not there yet | instead, or why |\n|---|---|\n")
	for _, why := range order {
		fmt.Fprintf(&b, "| %s | %s |\n", strings.Join(words[why], ", "), why)
	}
	return b.String()
}

func TestUnknownCommandsGetTheNearestFirst(t *testing.T) {
	s := NewServer(Commands(nil), 0, quiet())
	for _, c := range []struct{ say, first string }{
		{"shw stat", "show stat "}, {"show foo", "show cli "}, {"show stats", "show stat "}, {"set sever", "set server "}, {"show st", "show startup-logs"},
	} {
		_, list, ok := strings.Cut(talk(t, s, Admin, c.say+"\n"), "a better match:\n  ")
		if !ok || !strings.HasPrefix(list, c.first) || strings.Contains(list, "shutdown session ") {
			t.Errorf("%s offers %q, want %q first", c.say, list, c.first)
		}
	}
	if got := talk(t, s, Admin, "help show st\n"); !strings.Contains(got, "  show stat ") || strings.Contains(got, "show sess") {
		t.Errorf("help show st lists\n%s", got)
	}
}
