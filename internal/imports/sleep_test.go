package imports

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"
)

// Tests wait for conditions, and none sleeps. Where time itself is what is tested, it is that of a
// testing/synctest bubble, and bubble.Pass lets it go by: it panics outside of one.
func TestTestsDoNotSleep(t *testing.T) {
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
			ast.Inspect(file, func(n ast.Node) bool {
				call, is := n.(*ast.SelectorExpr)
				if !is || call.Sel.Name != "Sleep" {
					return true
				}
				if from, is := call.X.(*ast.Ident); is && from.Name == "time" {
					t.Errorf("%s: a test sleeps: wait for a condition, or let the time of a bubble pass (internal/bubble)", files.Position(call.Pos()))
				}
				return true
			})
		}
	}
}
