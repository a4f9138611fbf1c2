package imports

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// clocks are what reads a clock or waits for one.
var clocks = []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Sleep"}

// TestPureLayersAreDeterministic looks for what could make two replicas decide
// differently on the same input: a clock, a goroutine, the order of a map.
func TestPureLayersAreDeterministic(t *testing.T) {
	packages := goList(t, append([]string{"-export", "-deps"}, pureFolders()...)...)
	exports := map[string]string{}
	for _, p := range packages {
		exports[p.ImportPath] = p.Export
	}
	for _, p := range packages {
		if slices.Contains(pure, layer(p.ImportPath)) {
			checkPackage(t, p, exports)
		}
	}
}

func checkPackage(t *testing.T, p goPackage, exports map[string]string) {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	for _, c := range findImpurities(t, fset, p.ImportPath, files, exports) {
		t.Errorf("%s: %s; %s/ must compute the same on every replica", fset.Position(c.at), c.what, layer(p.ImportPath))
	}
}

// impurity is one place in the source and what is wrong there.
type impurity struct {
	at   token.Pos
	what string
}

func findImpurities(t *testing.T, fset *token.FileSet, path string, files []*ast.File, exports map[string]string) []impurity {
	t.Helper()
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", lookup)}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	if _, err := config.Check(path, fset, files, info); err != nil {
		t.Fatalf("type check of %s: %v", path, err)
	}
	var found []impurity
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if n != nil {
				if what := judgeNode(n, info); what != "" {
					found = append(found, impurity{n.Pos(), what})
				}
			}
			return true
		})
	}
	return found
}

// judgeNode says what is impure about one node of the source, or "".
func judgeNode(n ast.Node, info *types.Info) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "starts a goroutine"
	case *ast.RangeStmt:
		if _, isMap := info.TypeOf(n.X).Underlying().(*types.Map); isMap {
			return "ranges over a map, whose order is random (sort the keys: slices.Sorted(maps.Keys(m)))"
		}
	case *ast.SelectorExpr:
		used := info.Uses[n.Sel]
		if used != nil && used.Pkg() != nil && used.Pkg().Path() == "time" && used.Parent() == used.Pkg().Scope() && slices.Contains(clocks, used.Name()) {
			return "reads the clock with time." + used.Name()
		}
	}
	return ""
}

func TestFindImpurities(t *testing.T) {
	const source = `package p
import "time"
type money map[string]int
func f(m money, s []int) (sum int) {
	for _, v := range m { sum += v }
	for _, v := range s { sum += v }
	go f(nil, nil)
	return sum + time.Now().Nanosecond() + int(time.Second)
}`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	for _, p := range goList(t, "-export", "-deps", "time") {
		exports[p.ImportPath] = p.Export
	}
	var lines []int
	for _, c := range findImpurities(t, fset, "p", []*ast.File{file}, exports) {
		lines = append(lines, fset.Position(c.at).Line)
	}
	if want := []int{5, 7, 8}; !slices.Equal(lines, want) {
		t.Errorf("impurities in lines %v, want %v", lines, want)
	}
}
