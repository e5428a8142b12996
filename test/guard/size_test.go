package guard

import (
	"go/ast"
	"strings"
	"testing"
)

const (
	// maxLines is where a file needs a reason: the median file of trees that are
	// pleasant to read has 60 to 190 lines, and what makes a tree feared is its tail.
	maxLines = 400
	// neverLines is what no reason allows.
	neverLines = 700
	// maxFuncLines leaves room for a state switch; most functions stay below 50.
	maxFuncLines = 100
)

// longFiles are the files above maxLines, each with its reason.
var longFiles = map[string]string{}

// isTable reports whether the file is data: such files may be as long as their data.
func isTable(f *goFile) bool {
	name := f.path[strings.LastIndexByte(f.path, '/')+1:]
	return name == "table.go" || strings.HasSuffix(name, "_table.go") || strings.HasPrefix(name, "keywords") || generated.Match(f.src)
}

func TestFilesStayShort(t *testing.T) {
	long := map[string]bool{}
	for _, f := range tree(t) {
		if f.test || isTable(f) || f.lines <= maxLines {
			continue
		}
		long[f.path] = true
		switch reason := longFiles[f.path]; {
		case f.lines > neverLines:
			t.Errorf("%s has %d lines; no file has more than %d", f.path, f.lines, neverLines)
		case reason == "":
			t.Errorf("%s has %d lines; above %d a file needs a reason in longFiles", f.path, f.lines, maxLines)
		}
	}
	for name := range longFiles {
		if !long[name] {
			t.Errorf("longFiles excuses %s, which is not long", name)
		}
	}
}

func TestFunctionsStayShort(t *testing.T) {
	for _, f := range tree(t) {
		if f.test || isTable(f) {
			continue
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			if n := f.line(fn.End()) - f.line(fn.Pos()) + 1; n > maxFuncLines {
				t.Errorf("%s:%d: %s has %d lines; no function has more than %d", f.path, f.line(fn.Pos()), fn.Name.Name, n, maxFuncLines)
			}
		}
	}
}
