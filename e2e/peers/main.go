// Command peers measures bpsc beside etcd and NATS on this machine, each of them three members
// and loaded with its own tool, with the same connections, the same payload, and every write
// on disk at a majority before it is answered. Its other forms measure bpsc alone, one build
// or two beside each other:
//
//	peers beside   the table of docs/performance.md
//	peers compare  whether a build is slower than another
//	peers stages   what a transfer costs each member, by stage
//
// It is a module of its own, so that bpsc's has neither etcd nor NATS in it, and imports
// nothing of bpsc: the binaries are given to it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var errUsage = errors.New("usage: peers beside|compare|stages [options]; -h after it lists them")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "interrupted")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	switch args[0] {
	case "beside":
		return beside(ctx, args[1:])
	case "compare":
		return compare(ctx, args[1:])
	case "stages":
		return byStage(ctx, args[1:])
	}
	return errUsage
}

// timing is how long everything is measured.
type timing struct {
	rounds      int
	row, warmup time.Duration
	short       bool
}

func (t *timing) flags(f *flag.FlagSet, rounds int, row time.Duration) {
	f.IntVar(&t.rounds, "rounds", rounds, "how often everything is measured, in turns; the median is printed with the lowest and the highest")
	f.DurationVar(&t.row, "row", row, "how long each row is measured")
	f.DurationVar(&t.warmup, "warmup", time.Second, "how long before that the load runs unmeasured")
	f.BoolVar(&t.short, "short", false, "one round of short rows, to see whether everything works")
}

// settle checks the flags.
func (t *timing) settle(f *flag.FlagSet) error {
	if t.short {
		t.rounds, t.row, t.warmup = 1, time.Second, 300*time.Millisecond
	}
	if f.NArg() > 0 || t.rounds < 1 || t.row < 100*time.Millisecond || t.warmup < 100*time.Millisecond {
		return fmt.Errorf("%w; rounds are at least 1, rows and warm-up at least 100 ms", errUsage)
	}
	return nil
}

// inFolder makes a folder for the members' data, and removes it afterwards.
func inFolder(parent string, do func(dir string) error) (err error) {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(parent, "peers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return do(dir)
}
