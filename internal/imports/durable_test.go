package imports

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fleeting lists the calls after which a loss of power leaves a name without its
// content, or neither. internal/durable has those that last.
var fleeting = map[string][]string{
	"os":       {"Create", "Link", "MkdirAll", "Rename", "WriteFile"},
	"renameio": {"WriteFile", "NewPendingFile", "TempFile", "Symlink"},
}

// forPeople lists files that write only what a person asked for by its name.
var forPeople = []string{"cmd/bpsc/internal/cli/output.go"}

func TestFilesAreMadeDurable(t *testing.T) {
	for _, p := range goList(t, module+"/...") {
		switch own := layer(p.ImportPath); {
		case own == "e2e", p.ImportPath == module+"/internal/durable", p.ImportPath == module+"/internal/harness":
			continue
		}
		for _, name := range p.GoFiles {
			if slices.Contains(forPeople, strings.TrimPrefix(p.ImportPath, module+"/")+"/"+name) {
				continue
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, is := n.(*ast.SelectorExpr)
				if !is {
					return true
				}
				if from, is := call.X.(*ast.Ident); is && slices.Contains(fleeting[from.Name], call.Sel.Name) {
					t.Errorf("%s: %s.%s does not survive a loss of power; internal/durable has what does",
						files.Position(call.Pos()), from.Name, call.Sel.Name)
				}
				return true
			})
		}
	}
}
