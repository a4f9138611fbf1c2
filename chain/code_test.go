package chain

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryCodeIsInTheRules reads the codes from the source: one that is added
// without a word in docs/ledger-rules.md fails here.
func TestEveryCodeIsInTheRules(t *testing.T) {
	rules, err := os.ReadFile("../docs/ledger-rules.md")
	require.NoError(t, err)
	codes := 0
	for _, name := range []string{"code.go", "record.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Code" && typ.Name != "Reason" {
				return true
			}
			code := strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)
			require.Contains(t, string(rules), "`"+code+"`", "docs/ledger-rules.md says nothing of it")
			codes++
			return true
		})
	}
	require.Greater(t, codes, 50)
}
