package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

var update = flag.Bool("update", false, "write docs/cli.md anew")

// reference is the page of all commands. Whatever it says, --help says.
func reference(root *cobra.Command) string {
	var b bytes.Buffer
	b.WriteString("# Commands\n\nMade from the commands themselves: `make docs` writes this page, and a test compares. `bpsc COMMAND --help` says\n" +
		"the same in a terminal, `bpsc completion bash` (zsh, fish, powershell) makes a shell complete commands, flags,\n" +
		"wallets, ids, contracts, members and contexts.\n\n" + cli.ExitCodesHelp + "\n\n" +
		"`-o` is table, json, yaml or csv: tables are for people and may change, the other forms are for programs. A table fits\n" +
		"the terminal; elsewhere it is as wide as need be. `NO_COLOR` is respected, and progress is shown on terminals only.\n")
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.HasParent() && cmd.Name() != "help" && cmd.Name() != "completion" {
			section(&b, cmd)
		}
		if cmd.Name() == "completion" {
			return
		}
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				walk(sub)
			}
		}
	}
	walk(root)
	b.WriteString("\n## Shared flags\n\nOf all commands that ask a cluster:\n\n```text\n")
	o, client := &cli.Options{}, &cobra.Command{Use: "client"}
	o.Flags(client)
	b.WriteString(flagText(client.PersistentFlags(), nil) + "```\n")
	return b.String()
}

// section is what a command's help says, but for the flags that all have.
func section(b *bytes.Buffer, cmd *cobra.Command) {
	depth := "##" + strings.Repeat("#", min(2, strings.Count(cmd.CommandPath(), " ")-1))
	fmt.Fprintf(b, "\n%s %s\n\n", depth, cmd.CommandPath())
	long := cmd.Long
	if long == "" {
		long = cmd.Short + "."
	}
	fmt.Fprintf(b, "```text\n%s\n```\n", strings.TrimSpace(long))
	if cmd.Runnable() && (!cmd.HasSubCommands() || cmd.Example != "") {
		fmt.Fprintf(b, "\nUsage: `%s`\n", cmd.UseLine())
	}
	if cmd.Example != "" {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
	}
	cmd.InitDefaultHelpFlag()
	own, client := cmd.LocalFlags(), cmd.Flags().Lookup("context") != nil
	if text := flagText(own, func(f *pflag.Flag) bool { return f.Name == "help" || client && isShared(f) }); text != "" {
		fmt.Fprintf(b, "\n```text\n%s```\n", text)
	}
	if client && !cmd.HasSubCommands() {
		b.WriteString("\nand the [shared flags](#shared-flags).\n")
	}
}

// isShared tells whether a flag is one of all commands that ask a cluster.
func isShared(f *pflag.Flag) bool {
	o, client := &cli.Options{}, &cobra.Command{Use: "client"}
	o.Flags(client)
	shared := client.PersistentFlags().Lookup(f.Name)
	return shared != nil && shared.Usage == f.Usage
}

// flagText is the usage of flags but for those that without says.
func flagText(from *pflag.FlagSet, without func(*pflag.Flag) bool) string {
	some := pflag.NewFlagSet("", pflag.ContinueOnError)
	from.VisitAll(func(f *pflag.Flag) {
		if without == nil || !without(f) {
			some.AddFlag(f)
		}
	})
	return some.FlagUsages()
}

func TestTheReferenceOfCommandsIsWhatTheySay(t *testing.T) {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, cli.EnvPrefix) {
			t.Setenv(name, "") // defaults of flags may come from there
		}
	}
	const path = "../../docs/cli.md"
	want := reference(newRootCommand())
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644)) //nolint:gosec // a document
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, string(text), "make docs writes it")
	leaves(newRootCommand(), func(cmd *cobra.Command) { require.Contains(t, want, "# "+cmd.CommandPath()+"\n") })
}
