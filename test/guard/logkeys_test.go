package guard

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// logKey is a line of the table of keys in docs/logs.md.
var logKey = regexp.MustCompile("(?m)^\\| `([a-z]+)=` \\|")

// A thing has one name in the process's own log, whichever package speaks of it:
// docs/logs.md lists the names, and no call of a logger has another one.
func TestTheLogCallsThingsByTheirNames(t *testing.T) {
	allowed := map[string]bool{}
	for _, m := range logKey.FindAllStringSubmatch(read(t, "docs/logs.md"), -1) {
		allowed[m[1]] = true
	}
	used := map[string]bool{}
	for _, f := range tree(t) {
		// The fleet's servers are other programs, which stand behind a balancer.
		if f.test || f.pkg() == "" || f.pkg() == "fleet" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			first := firstKey(call)
			if first == 0 {
				return true
			}
			for i := first; i < len(call.Args); i += 2 {
				lit, ok := call.Args[i].(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					t.Errorf("%s:%d: a key is not a string that stands there", f.path, f.line(call.Args[i].Pos()))
					continue
				}
				key, _ := strconv.Unquote(lit.Value) // the parser took it
				if used[key] = true; !allowed[key] {
					t.Errorf("%s:%d: key %q: docs/logs.md has the names", f.path, f.line(lit.Pos()), key)
				}
			}
			return true
		})
	}
	for key := range allowed {
		if !used[key] {
			t.Errorf("docs/logs.md lists %s=, which nothing writes", key)
		}
	}
}

// firstKey is where the keys begin in a call of a *slog.Logger, which is called log, Log
// or opts.Log; 0 for all other calls.
func firstKey(call *ast.CallExpr) int {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return 0
	}
	name := ""
	switch x := method.X.(type) {
	case *ast.SelectorExpr:
		name = x.Sel.Name
	case *ast.Ident:
		name = x.Name
	}
	if !strings.EqualFold(name, "log") {
		return 0
	}
	switch method.Sel.Name {
	case "Debug", "Info", "Warn", "Error":
		return 1 // behind the message
	case "Log":
		return 3 // behind the context, the level and the message
	}
	return 0
}
