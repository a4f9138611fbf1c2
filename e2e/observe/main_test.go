// Package observe tests what those see who watch a cluster: the metrics of real
// processes, the alerts and the dashboard, as promtool judges them.
package observe

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
)

var binary string // what TestMain built

func TestMain(m *testing.M) {
	harness.Main(m, func(ctx context.Context, dir string) (err error) {
		binary, err = harness.Build(ctx, dir)
		return err
	})
}

// inRepository is the path of a file of the repository.
func inRepository(t *testing.T, path string) string {
	t.Helper()
	root, err := harness.Root()
	require.NoError(t, err)
	return filepath.Join(root, path)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(inRepository(t, path))
	require.NoError(t, err)
	return string(text)
}

// promtool runs it; scripts/test.sh has fetched it where it was not there.
func promtool(t *testing.T, dir string, input []byte, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		program = inRepository(t, ".bpsc/tools/promtool")
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "promtool %s: %s (scripts/test.sh fetches promtool; Debian has it in the package prometheus)", strings.Join(args, " "), out)
}

var (
	metricName  = regexp.MustCompile(`\b(?:bpsc|raft|process|go)_[a-z0-9_]+\b`)
	metricRow   = regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| ([a-z]+) \\|")
	foreignName = regexp.MustCompile("`((?:process|go)_[a-z0-9_]+)`")
)

// documented are the metrics that docs/metrics.md names, as expressions call them.
func documented(t *testing.T) (names []string) {
	text := read(t, "docs/metrics.md")
	for _, row := range metricRow.FindAllStringSubmatch(text, -1) {
		if row[2] == "histogram" {
			names = append(names, row[1]+"_bucket", row[1]+"_count", row[1]+"_sum")
		} else {
			names = append(names, row[1])
		}
	}
	for _, name := range foreignName.FindAllStringSubmatch(text, -1) {
		names = append(names, name[1])
	}
	require.Greater(t, len(names), 50)
	return names
}

// requireDocumented finds what an expression asks for and nobody exports.
func requireDocumented(t *testing.T, expr string, known []string) {
	t.Helper()
	for _, name := range metricName.FindAllString(expr, -1) {
		if !slices.Contains(known, name) {
			t.Errorf("%s is not in docs/metrics.md: %s", name, expr)
		}
	}
}
