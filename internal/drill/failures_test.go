package drill

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The table of the manual stands between these lines of docs/failures.md.
const (
	tableBegins = "<!-- table -->\n"
	tableEnds   = "<!-- end of table -->"
)

func TestFailureTableOfTheManualIsTheDrillsExpectation(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "failures.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), tableBegins)
	table, after, ok2 := strings.Cut(rest, tableEnds)
	if !ok || !ok2 {
		t.Fatal("docs/failures.md has no place for the table")
	}
	if table == FailureTable() {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatal("docs/failures.md is not what the catalogue says: run with UPDATE=1")
	}
	if err := os.WriteFile(path, []byte(before+tableBegins+FailureTable()+tableEnds+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestEachFaultIsSeenFromEverySide(t *testing.T) {
	faults := Faults(&Target{})
	for _, f := range faults {
		s, ok := Sights[f.Name]
		if !ok || s.Client == "" || s.Server == "" || s.Log == "" || s.Count == "" || s.Again == "" {
			t.Errorf("%s: a side is missing: %+v", f.Name, s)
		}
		if (f.Expect.Lost != Nothing || f.Expect.Cut != Nothing) && f.Expect.Why == "" {
			t.Errorf("%s may cost something, and does not say why", f.Name)
		}
		if f.Inject == nil || f.Mend == nil || f.Needs == nil || f.Text == "" || f.Lasts <= 0 {
			t.Errorf("%s is incomplete", f.Name)
		}
	}
	if len(Sights) != len(faults) {
		t.Errorf("%d sights of %d faults", len(Sights), len(faults))
	}
}
