package guard

import (
	"strings"
	"testing"

	"bascule/internal/config"
)

// TestTheReferenceIsFresh compares docs/reference.md with what the keyword table
// says now; `make docs` writes it again.
func TestTheReferenceIsFresh(t *testing.T) {
	var now strings.Builder
	if err := config.WriteReference(&now); err != nil {
		t.Fatal(err)
	}
	kept, written := strings.Split(read(t, "docs/reference.md"), "\n"), strings.Split(now.String(), "\n")
	for i, line := range written {
		if i >= len(kept) || kept[i] != line {
			t.Fatalf("docs/reference.md is stale from line %d on (%q); run make docs", i+1, line)
		}
	}
	if len(kept) != len(written) {
		t.Fatalf("docs/reference.md has %d lines, the table writes %d; run make docs", len(kept), len(written))
	}
}
