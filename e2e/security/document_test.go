package security

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
)

// What docs/security.md says that somebody cannot do has a test, and each test that it
// names is there.
func TestWhatTheDocumentSaysIsTested(t *testing.T) {
	root, err := harness.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	require.NoError(t, err)
	named := regexp.MustCompile("`([a-z0-9/]+) (Test[A-Za-z0-9]+)`")
	claims, inTable := 0, false
	for _, line := range strings.Split(string(text), "\n") {
		tests := named.FindAllStringSubmatch(line, -1)
		switch {
		case line == "| can | cannot, and why | tests |":
			inTable = true
		case !strings.HasPrefix(line, "| "):
			inTable = inTable && strings.HasPrefix(line, "|---")
		case inTable:
			claims++
			require.NotEmpty(t, tests, "nothing tests: %s", line)
		}
		for _, test := range tests {
			require.True(t, has(t, filepath.Join(root, test[1]), test[2]), "%s has no %s", test[1], test[2])
		}
	}
	require.Greater(t, claims, 30)
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
