package imports

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// Tests wait for conditions. One that sleeps moves the clock of a testing/synctest bubble, which
// takes no time and waits for nothing; so a file of tests sleeps only where it has such bubbles.
func TestTestsSleepInBubblesOnly(t *testing.T) {
	for _, p := range goList(t, module+"/...") {
		tests, err := filepath.Glob(filepath.Join(p.Dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range tests {
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing/synctest"` }) {
				continue
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, is := n.(*ast.SelectorExpr)
				if !is || call.Sel.Name != "Sleep" {
					return true
				}
				if from, is := call.X.(*ast.Ident); is && from.Name == "time" {
					t.Errorf("%s: time.Sleep outside of a bubble: wait for a condition", files.Position(call.Pos()))
				}
				return true
			})
		}
	}
}
