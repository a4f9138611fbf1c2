// Command bench measures a cluster of three members on this machine, the load
// generator included: single transfers over HTTP, batches, both open and signed, and the time from a
// kill -9 of the leader to the first acknowledged write.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// options are the bounds of a run.
type options struct {
	binary      string
	data        string
	connections []int
	batchSize   int
	batchConns  int
	row         time.Duration
	warmup      time.Duration
	rounds      int
	kills       int
	serverArgs  []string

	signed        bool
	signedBatches int
}

func main() {
	o, err := parseOptions()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func parseOptions() (options, error) {
	var o options
	var connections, serverArgs string
	flag.StringVar(&o.binary, "binary", ".bpsc/bin/bpsc", "the bpsc to measure")
	flag.StringVar(&o.data, "data", ".bpsc/bench", "folder for the members' data; emptied before the run")
	flag.StringVar(&connections, "connections", "1,64,256", "connections of the rows with single transfers")
	flag.IntVar(&o.batchSize, "batch", 1000, "transfers in a batch")
	flag.IntVar(&o.batchConns, "batch-connections", 8, "connections that send batches")
	flag.DurationVar(&o.row, "row", 5*time.Second, "how long each row is measured")
	flag.DurationVar(&o.warmup, "warmup", time.Second, "how long before that the load runs unmeasured")
	flag.IntVar(&o.rounds, "rounds", 1, "how often all rows are measured, one after the other; the median is printed")
	flag.IntVar(&o.kills, "kills", 20, "how often the leader is killed")
	flag.BoolVar(&o.signed, "signed", true, "measure signed transfers too: with the most connections, signed by the generator on the same cores")
	flag.IntVar(&o.signedBatches, "signed-batches", 200, "batches that are signed before a row with signed batches begins; it ends when they are used up")
	flag.StringVar(&serverArgs, "server-args", "", "further arguments of every member, such as '--heartbeat 100ms'")
	flag.Parse()
	for _, text := range strings.Split(connections, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-connections: %q is not a count", text)
		}
		o.connections = append(o.connections, n)
	}
	if flag.NArg() > 0 || o.batchSize < 1 || o.batchConns < 1 || o.rounds < 1 || o.row <= 0 || o.signedBatches < 1 {
		return o, fmt.Errorf("usage: bench [options]; -h lists them")
	}
	o.serverArgs = strings.Fields(serverArgs)
	return o, nil
}

func run(ctx context.Context, o options) error {
	if err := os.RemoveAll(o.data); err != nil {
		return err
	}
	cluster, err := harness.New(harness.Options{Binary: o.binary, Dir: o.data, Args: o.serverArgs})
	if err != nil {
		return err
	}
	defer func() { _ = cluster.KillAll() }() // the run is over either way
	if err := cluster.Start(ctx); err != nil {
		return err
	}
	leader, err := cluster.Leader(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("three members and the load generator on %d cores, %s/%s, %s a row\n\n",
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, o.row)

	out := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(out, "load\tto\tconnections\ttransfers/s\tp50\tp99\tfailed")
	all := rows(o, cluster, leader)
	var signed *signer
	if o.signed {
		if signed, err = newSigner(ctx, leader); err != nil {
			return err
		}
		all = append(all, signed.rows(o, cluster)...)
	}
	for _, r := range measureAll(ctx, all, o) {
		if r.err != nil {
			return fmt.Errorf("%s to %s with %d connections: %w", r.name, r.to, r.connections, r.err)
		}
		fmt.Fprintf(out, "%s\t%s\t%d\t%.0f\t%s\t%s\t%d\n", r.name, r.to, r.connections, r.rate, round(r.p50), round(r.p99), r.failed)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if signed != nil {
		if err := signed.check(ctx); err != nil {
			return err
		}
	}
	return measureFailover(ctx, cluster, o.kills)
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
