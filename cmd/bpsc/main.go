// Command bpsc runs a member of a BPSC cluster or a follower of one, and talks
// to both.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string) int {
	root := newRootCommand()
	root.SetArgs(args)
	// What runs a command as a part of a trace says so in this variable.
	err := root.ExecuteContext(client.WithTrace(ctx, os.Getenv("TRACEPARENT")))
	if err != nil && !errors.As(err, new(cli.Reported)) {
		fmt.Fprintln(os.Stderr, "bpsc:", cli.Printable(err.Error()))
	}
	return cli.ExitCode(err)
}
