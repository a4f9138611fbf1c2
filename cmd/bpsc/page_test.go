package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A command that the node's page tells people to type is one that there is.
func TestCommandsOfThePageAreCommands(t *testing.T) {
	said := regexp.MustCompile("(?:<code>|`)bpsc ([a-z]+(?: [a-z]+)*)")
	found := 0
	require.NoError(t, fs.WalkDir(os.DirFS("../../api/page/app"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".mjs" {
			return err
		}
		text, err := os.ReadFile(filepath.Join("../../api/page/app", name))
		if err != nil {
			return err
		}
		for _, command := range said.FindAllStringSubmatch(string(text), -1) {
			cmd, rest, err := newRootCommand().Find(strings.Fields(command[1]))
			require.NoError(t, err, "%s says bpsc %s", name, command[1])
			require.True(t, cmd.Runnable() && len(rest) == 0, "%s says bpsc %s, and there is %s", name, command[1], cmd.CommandPath())
			found++
		}
		return nil
	}))
	require.Greater(t, found, 8)
}
