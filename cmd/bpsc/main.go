// Command bpsc runs a member of a BPSC cluster or a follower of one, and talks
// to both.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/node"
	"github.com/bpsc/bpsc/wallet"
)

// Exit codes, stable for scripts.
const (
	exitOK             = 0
	exitFailure        = 1
	exitUsage          = 2
	exitNotFound       = 3
	exitRejected       = 4
	exitDoesNotVerify  = 5
	exitUnavailable    = 7
	exitOutcomeUnknown = 8
	exitRemoved        = 9   // a member that was removed from its cluster
	exitWarned         = 10  // of bpsc doctor: there are warnings
	exitFound          = 11  // of bpsc doctor: something is wrong
	exitFatal          = 70  // a member that cannot trust its disk or its state
	exitInterrupted    = 130 // interrupted again while it stopped
)

const exitCodesHelp = `Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 rejected by the ledger,
5 verification failed, 7 unavailable, 8 outcome unknown (sending again with the
same --key, or with submit what --offline printed, is safe), 9 a member that was removed from its
cluster, 10 and 11 of bpsc doctor: there are warnings, something is wrong, 70 a member that cannot
trust its disk or its state,
130 a server that was interrupted twice. A server that is told to stop ends with 0.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string) int {
	root := newRootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !errors.As(err, new(reported)) {
		fmt.Fprintln(os.Stderr, "bpsc:", printable(err.Error()))
	}
	return exitCode(err)
}

// errUsage marks mistakes in the command line or the configuration.
var errUsage = node.ErrUsage

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "bpsc",
		Short:         "A token ledger with exactly one writer that does not die",
		Long:          "A token ledger with exactly one writer that does not die.\n\n" + exitCodesHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return argError("%w", err) })
	root.AddCommand(newServerCommand(), newFollowCommand(), newWitnessCommand(), newVersionCommand())
	addClientCommands(root)
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
	return argError("there is no command %q; see %s --help%s", word, in.CommandPath(), hint)
}

// newHelpCommand is cobra's, but that help on nothing is a mistake.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			topic, rest, err := cmd.Root().Find(args)
			if err != nil {
				return argError("%w", err)
			}
			if len(rest) > 0 && topic.HasSubCommands() {
				return noCommand(topic, rest[0])
			}
			return topic.Help()
		},
	}
}

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	var answered *client.Problem
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, cluster.ErrRemoved):
		return exitRemoved
	case errors.Is(err, node.ErrFatal): // whatever the cause is
		return exitFatal
	case errors.Is(err, errUsage), errors.Is(err, wallet.ErrName):
		return exitUsage
	case errors.Is(err, errWarned):
		return exitWarned
	case errors.Is(err, errFound):
		return exitFound
	case errors.Is(err, client.ErrOutcomeUnknown): // first: nothing else that is said of it matters as much
		return exitOutcomeUnknown
	case errors.Is(err, chain.ErrInvalid), errors.Is(err, chainsync.ErrEvidence):
		return exitDoesNotVerify
	case errors.Is(err, client.ErrUnavailable):
		return exitUnavailable
	case errors.Is(err, errRejected):
		return exitRejected
	case errors.Is(err, wallet.ErrNotFound), errors.As(err, &answered) && answered.Status == 404:
		return exitNotFound
	case errors.As(err, &answered) && answered.Status < 500:
		return exitRejected
	}
	return exitFailure
}
