package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// leaves calls f with each command that does something and that people see.
func leaves(cmd *cobra.Command, f func(*cobra.Command)) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "completion" && sub.Name() != "help" {
			leaves(sub, f)
		}
	}
	if cmd.Runnable() && cmd.HasParent() && (!cmd.HasSubCommands() || cmd.Example != "") {
		f(cmd)
	}
}

// Each command has an example, and each example is a command line that is taken: the
// command it stands under, flags that there are, and as many arguments as it wants.
func TestEveryCommandHasAnExampleThatParses(t *testing.T) {
	examples := 0
	leaves(newRootCommand(), func(cmd *cobra.Command) {
		t.Run(strings.ReplaceAll(cmd.CommandPath(), " ", "_"), func(t *testing.T) {
			require.NotEmpty(t, cmd.Example, "help without an example")
			for line := range strings.Lines(cmd.Example) {
				require.True(t, strings.HasPrefix(line, "  "), "%q is not indented", line)
				words := bpscIn(line)
				require.NotEmpty(t, words, line)
				requireTaken(t, cmd.CommandPath(), words)
				examples++
			}
		})
	})
	require.Greater(t, examples, 60)
}

// bpscIn are the arguments of bpsc in a line of a shell.
func bpscIn(line string) []string {
	var words []string
	var word strings.Builder
	quote, started := rune(0), false
	end := func() {
		if started {
			words = append(words, word.String())
		}
		word.Reset()
		started = false
	}
	for _, r := range strings.TrimSpace(line) {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, started = r, true
		case r == ' ':
			end()
		default:
			word.WriteRune(r)
			started = true
		}
	}
	end()
	for i, w := range words {
		if w != "bpsc" {
			continue
		}
		words = words[i+1:]
		for j, w := range words {
			if w == "|" || w == ">" || w == ";" || strings.HasPrefix(w, "#") {
				return words[:j]
			}
		}
		return words
	}
	return nil
}

func requireTaken(t *testing.T, path string, words []string) {
	t.Helper()
	root := newRootCommand()
	found, rest, err := root.Find(words)
	require.NoError(t, err, "%q", words)
	require.Equal(t, path, found.CommandPath(), "%q", words)
	require.NoError(t, found.ParseFlags(rest), "%q", words)
	require.NoError(t, found.ValidateArgs(found.Flags().Args()), "%q", words)
}

func TestAnExampleThatIsWrongIsFound(t *testing.T) {
	require.Equal(t, []string{"send", "--memo", "two words"}, bpscIn(`  A=1 bpsc send --memo "two words" > file`))
	root := newRootCommand()
	found, rest, err := root.Find(bpscIn("bpsc block 7 --flag-that-is-not-there"))
	require.NoError(t, err)
	require.Error(t, found.ParseFlags(rest))
}
