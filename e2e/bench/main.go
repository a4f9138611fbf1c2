// Command bench measures members and followers on this machine, the load
// generator included:
//
//	writes   single transfers over HTTP, batches, both open and signed, and the
//	         time from a kill -9 of the leader to the first acknowledged write
//	visible  the time until a block that a transfer has completed stands at a follower
//	fanout   writes while one member feeds many followers, and while it feeds none
//	tls      single transfers over TLS and plain, in turns
//	sync     a new follower of a long chain: its speed and its memory
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
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
	measure     []string

	signed        bool
	signedBatches int

	samples int // of "visible"
	readers int // of "fanout"
	pace    int // writes a second of "fanout"
	chain   int // transfers of "sync"

	read string // makes this process the readers of "fanout"; see readers.go
}

// measurement is one of the things that can be asked for.
type measurement struct {
	name string
	run  func(context.Context, options) error
}

// measurements are all of them, in the order in which they are done.
func measurements() []measurement {
	return []measurement{
		{"writes", measureWrites}, {"visible", measureVisible}, {"fanout", measureFanout}, {"sync", measureSync}, {"tls", measureTLS},
	}
}

func main() {
	o, err := parseOptions()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	do := run
	if o.read != "" {
		do = func(ctx context.Context, o options) error { return runReaders(ctx, o.read) }
	}
	if err := do(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func parseOptions() (options, error) {
	var o options
	var connections, serverArgs, measure string
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
	flag.StringVar(&measure, "measure", "writes", "what to measure, of writes,visible,fanout,sync,tls")
	flag.IntVar(&o.samples, "samples", 300, "transfers of 'visible'")
	flag.IntVar(&o.readers, "readers", 200, "followers of 'fanout', which the generator plays")
	flag.IntVar(&o.pace, "pace", 100, "writes a second of 'fanout'")
	flag.IntVar(&o.chain, "chain", 1_000_000, "transfers in the chain of 'sync', in blocks of 1000")
	flag.StringVar(&o.read, "read", "", "for the bench itself: be the followers of 'fanout'")
	flag.Parse()
	for _, text := range strings.Split(connections, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-connections: %q is not a count", text)
		}
		o.connections = append(o.connections, n)
	}
	o.measure = strings.Split(measure, ",")
	for _, name := range o.measure {
		if !slices.ContainsFunc(measurements(), func(m measurement) bool { return m.name == name }) {
			return o, fmt.Errorf("-measure: %q is not one of writes,visible,fanout,sync,tls", name)
		}
	}
	if o.samples < 1 || o.readers < 1 || o.pace < 1 || o.chain < blockSize {
		return o, fmt.Errorf("-samples, -readers and -pace are at least 1, -chain at least %d", blockSize)
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
	fmt.Printf("members, followers and the load generator on %d cores, %s/%s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	for _, m := range measurements() {
		if !slices.Contains(o.measure, m.name) {
			continue
		}
		fmt.Println()
		if err := m.run(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
