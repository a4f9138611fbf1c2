package security

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
)

// What docs/security.md says that somebody cannot do and docs/reliability.md promises has a
// test, and each test that they name is there.
func TestWhatTheDocumentsSayIsTested(t *testing.T) {
	for _, document := range []struct {
		name    string
		claims  []string // headers of the tables each of whose rows names a test
		atLeast int
	}{
		{"security.md", []string{"| can | cannot, and why | tests |"}, 30},
		{"reliability.md", []string{"| promise | tests |", "| what fails | then, without anybody's help | tests |"}, 25},
	} {
		require.Greater(t, claims(t, document.name, document.claims), document.atLeast, document.name)
	}
}

// claims counts the rows of a document's tables with those headers.
func claims(t *testing.T, document string, headers []string) (n int) {
	t.Helper()
	root, err := harness.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "docs", document))
	require.NoError(t, err)
	named := regexp.MustCompile("`([a-z0-9/]+) (Test[A-Za-z0-9]+)`")
	inTable := false
	for _, line := range strings.Split(string(text), "\n") {
		tests := named.FindAllStringSubmatch(line, -1)
		switch {
		case slices.Contains(headers, line):
			inTable = true
		case !strings.HasPrefix(line, "| "):
			inTable = inTable && strings.HasPrefix(line, "|---")
		case inTable:
			n++
			require.NotEmpty(t, tests, "nothing tests: %s", line)
		}
		for _, test := range tests {
			require.True(t, has(t, filepath.Join(root, test[1]), test[2]), "%s: %s has no %s", document, test[1], test[2])
		}
	}
	return n
}

func has(t *testing.T, folder, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if strings.Contains(string(text), "\nfunc "+test+"(t *testing.T)") {
			return true
		}
	}
	return false
}
