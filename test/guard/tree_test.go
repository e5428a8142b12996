package guard

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// root is the module's directory, seen from this package.
const root = "../.."

// generated is the line by which Go marks files that a program wrote.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// goFile is one parsed Go file of the tree.
type goFile struct {
	path  string // slash-separated, from the module's root
	src   []byte
	fset  *token.FileSet
	ast   *ast.File
	test  bool // named *_test.go
	lines int
}

// pkg returns the internal package that the file belongs to, "" outside internal.
func (f *goFile) pkg() string {
	rest, ok := strings.CutPrefix(f.path, "internal/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func (f *goFile) line(pos token.Pos) int { return f.fset.Position(pos).Line }

var goFiles = sync.OnceValues(func() ([]*goFile, error) {
	var files []*goFile
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); base == "testdata" || base == "bin" || base == "build" || (base != ".." && strings.HasPrefix(base, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		files = append(files, &goFile{
			path: filepath.ToSlash(rel), src: src, fset: fset, ast: tree,
			test:  strings.HasSuffix(name, "_test.go"),
			lines: bytes.Count(src, []byte("\n")),
		})
		return nil
	})
	return files, err
})

// tree returns every Go file of the module.
func tree(t *testing.T) []*goFile {
	t.Helper()
	files, err := goFiles()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no Go file found: the guard looks at the wrong directory")
	}
	return files
}

// internalPackages returns the directories below internal that hold Go code.
func internalPackages(t *testing.T) []string {
	t.Helper()
	seen := map[string]bool{}
	var names []string
	for _, f := range tree(t) {
		if name := f.pkg(); name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// tracked returns the paths that git keeps, from the module's root; in a tree
// without git (an unpacked archive) every file except built ones.
func tracked(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
		out, err := exec.Command("git", "-C", root, "ls-files", "-z").Output()
		if err != nil {
			t.Fatalf("git ls-files: %v", err)
		}
		return strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	}
	var names []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path.Dir(name) == "." && (d.Name() == "bin" || d.Name() == "build") {
			return fs.SkipDir
		}
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
