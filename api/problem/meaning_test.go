package problem

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain/proof"
)

// constantsOf lists the values of a file's constants of a type.
func constantsOf(t *testing.T, file, typeName string) (values []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if spec.Type == nil || types.ExprString(spec.Type) != typeName {
			return true
		}
		for _, value := range spec.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			require.NoError(t, err)
			values = append(values, text)
		}
		return true
	})
	return values
}

func TestEveryCodeHasAMeaning(t *testing.T) {
	codes := constantsOf(t, "../../chain/code.go", "Code")
	require.Greater(t, len(codes), 20)
	own := append(constantsOf(t, "../../internal/outcome/code.go", "Code"), constantsOf(t, "code.go", "outcome.Code")...)
	require.Greater(t, len(own), 10)
	codes = append(codes, own...)
	codes = append(codes, string(proof.ErrTilePath), string(proof.ErrTileMissing))
	for _, code := range codes {
		m, ok := meanings[code]
		require.True(t, ok, "meaning.go lacks %s", code)
		require.NotEmpty(t, m.Title, code)
		require.GreaterOrEqual(t, m.Status, 400, code)
	}
	require.Len(t, meanings, len(codes), "meaning.go has codes that do not exist, or one has two names")
}

// The table is read beside the declarations, so it keeps their order.
func TestMeaningsStandInTheOrderOfTheCodes(t *testing.T) {
	codes := slices.Concat(constantNames(t, "../../chain/code.go", "chain."), constantNames(t, "../../internal/outcome/code.go", "outcome."), constantNames(t, "code.go", ""))
	codes = append(codes, "proof.ErrTilePath", "proof.ErrTileMissing")
	text, err := os.ReadFile("meaning.go")
	require.NoError(t, err)
	var rows []string
	for line := range strings.Lines(string(text)) {
		if name, row := strings.CutPrefix(line, "\tstring("); row {
			name, _, _ = strings.Cut(name, ")")
			rows = append(rows, name)
		}
	}
	require.Equal(t, codes, rows)
}

// constantNames lists the typed constants of a file.
func constantNames(t *testing.T, file, prefix string) (names []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Type != nil {
			names = append(names, prefix+spec.Names[0].Name)
		}
		return true
	})
	return names
}
