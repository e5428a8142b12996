package guard

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers is the import policy: a package imports only packages of earlier
// lines, and none of its own line. A package that does not fit is in the wrong
// place or asks for the wrong thing; a line moves only together with
// ARCHITECTURE.md and the reason for it.
const layers = `
	lang
	wire
	loop
	balance
	cert
	rule
	logs
	config
	advice
	events
	backend
	stream
	listener
	h1 h2 tcp
	check
	stats
	live
	handover
	admin
	engine
	explain
	master
	fleet
	drill
	terminal
	demo top
	cli
`

// withoutIO names the packages that are pure functions of their arguments, and
// withoutIOImports what they therefore never import.
var (
	withoutIO        = []string{"wire", "balance"}
	withoutIOImports = []string{"net", "os", "os/exec", "syscall", "golang.org/x/sys/unix", "log/slog"}
)

func layerOf() map[string]int {
	of := map[string]int{}
	for i, line := range strings.Split(strings.TrimSpace(layers), "\n") {
		for _, name := range strings.Fields(line) {
			of[name] = i
		}
	}
	return of
}

func imports(f *goFile) []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			paths = append(paths, name)
		}
	}
	return paths
}

func TestAPackageImportsOnlyEarlierLayers(t *testing.T) {
	layer := layerOf()
	for _, f := range tree(t) {
		from := f.pkg()
		if from == "" || f.test {
			continue
		}
		own, known := layer[from]
		if !known {
			t.Errorf("%s: package %s has no line in the layers of this test", f.path, from)
			continue
		}
		for _, name := range imports(f) {
			rest, ok := strings.CutPrefix(name, "bascule/internal/")
			if !ok {
				if strings.HasPrefix(name, "bascule/") && name != "bascule/web" && !strings.HasPrefix(name, "bascule/examples/") {
					t.Errorf("%s imports %s: internal packages import only internal ones and embedded files", f.path, name)
				}
				continue
			}
			to, _, _ := strings.Cut(rest, "/")
			if to == from {
				continue
			}
			if theirs, known := layer[to]; !known || theirs >= own {
				t.Errorf("%s imports %s, which is not an earlier layer than %s", f.path, to, from)
			}
		}
	}
}

func TestPurePackagesDoNoIO(t *testing.T) {
	for _, f := range tree(t) {
		if f.test || !slices.Contains(withoutIO, f.pkg()) {
			continue
		}
		for _, name := range imports(f) {
			if slices.Contains(withoutIOImports, name) {
				t.Errorf("%s imports %s: package %s does no I/O", f.path, name, f.pkg())
			}
		}
	}
}

// TestOnlyTheCommandLineEndsTheProcess keeps os.Args and os.Exit in cli and in
// main packages, so that everything else can be run inside a test.
func TestOnlyTheCommandLineEndsTheProcess(t *testing.T) {
	for _, f := range tree(t) {
		if f.test || f.pkg() == "" || f.pkg() == "cli" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok {
				switch what := x.Name + "." + sel.Sel.Name; what {
				case "os.Args", "os.Exit", "log.Fatal", "log.Fatalf":
					t.Errorf("%s:%d uses %s: only cli does", f.path, f.line(sel.Pos()), what)
				}
			}
			return true
		})
	}
}

func TestNothingRegistersItselfByInit(t *testing.T) {
	for _, f := range tree(t) {
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s:%d has an init function: tables are explicit lists", f.path, f.line(fn.Pos()))
			}
		}
	}
}

// TestEmbeddedFilesBringNothingAlong keeps web and examples free of code: they
// are files that the binary carries, below every layer.
func TestEmbeddedFilesBringNothingAlong(t *testing.T) {
	for _, f := range tree(t) {
		if f.test || !(strings.HasPrefix(f.path, "examples/") || strings.HasPrefix(f.path, "web/")) {
			continue
		}
		for _, name := range imports(f) {
			if name != "embed" {
				t.Errorf("%s imports %s", f.path, name)
			}
		}
	}
}
