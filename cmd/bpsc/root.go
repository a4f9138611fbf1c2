package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/backups"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/bench"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/chains"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/contexts"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/doctor"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/ledger"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/operate"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/provision"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/serve"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/trial"
)

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "bpsc",
		Short:         "A token ledger with exactly one writer that does not die",
		Long:          "A token ledger with exactly one writer that does not die.\n\n" + cli.ExitCodesHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return cli.ArgError("%w", err) })
	o := &cli.Options{} // of all commands that talk to servers
	for _, room := range [][]*cobra.Command{
		serve.Commands(), contexts.Commands(), ledger.Commands(o), chains.Commands(o), operate.Commands(o), backups.Commands(o), doctor.Commands(o), provision.Commands(), trial.Commands(), bench.Commands(o),
	} {
		root.AddCommand(room...)
	}
	root.AddCommand(newManCommand())
	root.InitDefaultCompletionCmd()
	root.SetHelpCommand(newHelpCommand())
	root.InitDefaultHelpCmd()
	groupsTakeNoWord(root)
	return root
}

// groupsTakeNoWord makes a mistyped subcommand a mistake: cobra would print the
// group's help, and succeed.
func groupsTakeNoWord(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		groupsTakeNoWord(sub)
	}
	if !cmd.HasSubCommands() {
		return
	}
	cmd.SuggestionsMinimumDistance = 2
	if cmd.Runnable() {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return noCommand(cmd, args[0])
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

func noCommand(in *cobra.Command, word string) error {
	hint := ""
	if like := in.SuggestionsFor(word); len(like) > 0 {
		hint = fmt.Sprintf("; did you mean %s?", strings.Join(like, " or "))
	}
	return cli.ArgError("there is no command %q; see %s --help%s", word, in.CommandPath(), hint)
}

// newHelpCommand is cobra's, but that help on nothing is a mistake.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			topic, rest, err := cmd.Root().Find(args)
			if err != nil {
				return cli.ArgError("%w", err)
			}
			if len(rest) > 0 && topic.HasSubCommands() {
				return noCommand(topic, rest[0])
			}
			return topic.Help()
		},
	}
}
