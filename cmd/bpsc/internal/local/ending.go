package local

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Owner lets a command that starts processes end them, and remove what they have written,
// however it is told to end. Its context ends with the terminal, too.
func Owner(cmd *cobra.Command) *cobra.Command {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop := ending(cmd.Context())
		defer stop()
		cmd.SetContext(ctx)
		return run(cmd, args)
	}
	return cmd
}

// ending is ctx, which ends when the terminal closes, unless this process was started by
// nohup, which has it outlive that. Until stop is called a write to a pipe that nobody reads
// any more is an error (EPIPE): by default it would end this process on the spot.
func ending(ctx context.Context) (_ context.Context, stop context.CancelFunc) {
	broken := make(chan os.Signal, 1) // nobody reads it: the error says the same
	signal.Notify(broken, syscall.SIGPIPE)
	cancel := func() {}
	if !signal.Ignored(syscall.SIGHUP) {
		ctx, cancel = signal.NotifyContext(ctx, syscall.SIGHUP)
	}
	return ctx, func() {
		cancel()
		signal.Stop(broken)
	}
}
