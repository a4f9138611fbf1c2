package imports

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// table is where the rule stands.
const table = "../../CONTRIBUTING.md"

// anything marks a folder that may import every other.
const anything = "*"

var (
	tableRow   = regexp.MustCompile("^\\| `([a-z0-9]+)/` \\| .* \\| (.*) \\|$")
	tableEntry = regexp.MustCompile("`([a-z0-9]+)`")
)

// readTable reads the rule: for each top-level folder the folders whose packages
// it may import besides its own.
func readTable(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(table)
	require.NoError(t, err)
	allowed := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		row := tableRow.FindStringSubmatch(strings.TrimSpace(line))
		if row == nil {
			continue
		}
		folder, cell := row[1], row[2]
		require.NotContains(t, allowed, folder, "two rows in %s", table)
		allowed[folder] = []string{}
		for _, entry := range tableEntry.FindAllStringSubmatch(cell, -1) {
			allowed[folder] = append(allowed[folder], entry[1])
		}
		if strings.HasPrefix(cell, "anything") {
			allowed[folder] = []string{anything}
		} else if len(allowed[folder]) == 0 {
			require.Contains(t, cell, "nothing of ours", "what %s/ may import", folder)
		}
	}
	return allowed
}

// Every row is about a folder that is there, and allows nothing that nobody needs.
func TestTheTableSaysWhatIs(t *testing.T) {
	used := map[string]map[string]bool{}
	for _, p := range goList(t, module+"/...") {
		own := layer(p.ImportPath)
		if used[own] == nil {
			used[own] = map[string]bool{}
		}
		for _, path := range p.Imports {
			used[own][layer(path)] = true
		}
	}
	for folder, entries := range readTable(t) {
		require.Contains(t, used, folder, "a row of %s", table)
		for _, entry := range entries {
			require.True(t, entry == anything || used[folder][entry], "%s/ does not import %s/ any more: take it out of %s", folder, entry, table)
		}
	}
}
