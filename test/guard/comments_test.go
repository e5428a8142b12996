package guard

import (
	"go/ast"
	"testing"
)

// TestEveryGoroutineSaysWhoStopsIt asks for a comment on each go statement of
// the product, on its line or right above it: a goroutine whose end nobody can
// name is a leak.
func TestEveryGoroutineSaysWhoStopsIt(t *testing.T) {
	for _, f := range tree(t) {
		if f.test || f.pkg() == "" {
			continue
		}
		commented := map[int]bool{}
		for _, group := range f.ast.Comments {
			for line := f.line(group.Pos()); line <= f.line(group.End()); line++ {
				commented[line] = true
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if stmt, ok := n.(*ast.GoStmt); ok {
				if line := f.line(stmt.Pos()); !commented[line] && !commented[line-1] {
					t.Errorf("%s:%d: a go statement without a comment that says who stops it", f.path, line)
				}
			}
			return true
		})
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[string]bool{}
	first := map[string]string{}
	for _, f := range tree(t) {
		dir := f.path[:max(0, len(f.path)-len(base(f.path))-1)]
		if f.test {
			continue
		}
		if first[dir] == "" {
			first[dir] = f.path
		}
		if f.ast.Doc != nil {
			documented[dir] = true
		}
	}
	for dir, name := range first {
		if !documented[dir] {
			t.Errorf("%s: no file of this package has a package comment", name)
		}
	}
}
