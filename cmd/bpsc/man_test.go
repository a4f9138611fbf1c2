package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// Every command that people see has a page, which is the same whenever it is written.
func TestEveryCommandHasAManualPage(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	dir, again := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")
	require.Zero(t, run(t.Context(), []string{"man", dir}))
	require.Zero(t, run(t.Context(), []string{"man", again}))
	pages := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.IsAvailableCommand() || !cmd.HasParent() {
			name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
			page, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			same, err := os.ReadFile(filepath.Join(again, name))
			require.NoError(t, err)
			require.Equal(t, string(page), string(same))
			require.Contains(t, string(page), "SYNOPSIS")
			pages++
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRootCommand())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, pages, "and nothing else has")
	require.NoFileExists(t, filepath.Join(dir, "bpsc-man.1"))
}
