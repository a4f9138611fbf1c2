package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/local"
	"github.com/bpsc/bpsc/internal/loadgen"
)

// options are the flags of bpsc bench.
type options struct {
	*cli.Options
	cluster ownOptions
	given   bool     // --server was given
	allowed []string // hosts beyond this machine
	to      string

	connections []int
	rate        float64 // transfers a second; 0 is a closed loop
	duration    time.Duration
	warmup      time.Duration
	rounds      int
	batch       int
	payload     int
	wallets     int
	zipf        float64
	seed        uint64
	signed      bool
	presign     int
	keyFile     string
	processors  int
	plot        string
	verify      bool
	failover    int // kills; 0 for none
}

// Where connections go.
const (
	toLeader = "leader"
	toAll    = "all"
	toNamed  = "named"
)

func newBenchCommand(o *cli.Options) *cobra.Command {
	b := &options{Options: o}
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure how many transfers a cluster takes, and how long each waits", Args: cli.ExactArgs(0),
		Example: `  bpsc bench --connections 1,64,256
  bpsc bench --server http://127.0.0.1:5000 --rate 500 --duration 1m`,
		Long: `Measure how many transfers a cluster takes a second and how long their answers take. Without
--server the cluster is three members of its own on this machine, started from this executable with
their data in a folder that is removed afterwards; then it is also checked that the ledger has what
was acknowledged, and that nothing was lost or made. BPSC_SERVER is not looked at: what is sent stays
in the ledger.

Each of --connections sends its next request when the last one is answered (closed loop), and one
that is refused for the moment again after the time that the server asks for. With --rate transfers
are due at fixed times, whatever the server does, and latency counts from there (open loop): a stall
is seen by all that it keeps waiting.

A transfer alone carries an Idempotency-Key of its own; its answer has to have the id that follows
from it. The generator takes processor time too, and says how much.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b.given = cmd.Flags().Changed("server")
			if err := b.check(); err != nil {
				return err
			}
			if b.failover > 0 {
				return b.runFailover(cmd)
			}
			return b.run(cmd)
		},
	}
	b.flags(cmd)
	for _, further := range []func(*options) *cobra.Command{newVisibleCommand, newFanoutCommand, newSyncCommand, newTLSCommand, newReadsCommand} {
		cmd.AddCommand(local.Owner(further(newOptions(o))))
	}
	return local.Owner(cmd)
}

// newOptions are those of a command that has few of the flags.
func newOptions(o *cli.Options) *options {
	return &options{Options: o, connections: []int{1}, batch: 1, wallets: 1000, seed: 1, rounds: 1, processors: 1, duration: time.Second, to: toLeader}
}

func (b *options) flags(cmd *cobra.Command) {
	b.cluster.flags(cmd.Flags())
	f := cmd.Flags()
	f.StringArrayVar(&b.allowed, "allow-host", nil, "host of --server that may be loaded although it is not this machine; may be repeated")
	f.StringVar(&b.to, "to", "", "leader, all members, or those named with --server (default: leader; named with --server)")
	f.IntSliceVar(&b.connections, "connections", []int{64}, "connections; several numbers are measured one after the other")
	f.Float64Var(&b.rate, "rate", 0, "transfers a second that are due (default: each connection as fast as it is answered)")
	f.DurationVar(&b.duration, "duration", 10*time.Second, "how long is measured")
	f.DurationVar(&b.warmup, "warmup", time.Second, "how long before that the load runs unmeasured")
	f.IntVar(&b.rounds, "rounds", 1, "how often everything is measured, one after the other; the median is shown")
	f.IntVar(&b.batch, "batch", 1, "transfers in a request")
	f.IntVar(&b.payload, "payload", 0, "bytes of the body of a single open transfer, filled up with a memo")
	f.IntVar(&b.wallets, "wallets", 1000, "wallets that send to each other")
	f.Float64Var(&b.zipf, "zipf", 0, "exponent above 1 by which few of them have most of the transfers (default: all alike)")
	f.Uint64Var(&b.seed, "seed", 1, "what is drawn follows from it: who sends to whom")
	f.BoolVar(&b.signed, "signed", false, "a cluster of its own has a signed contract (one that runs: what its contract says)")
	f.IntVar(&b.presign, "presign", 0, "transfers that are signed before the load begins; it ends when they are used up (default: signed while it runs)")
	f.StringVar(&b.keyFile, "key-file", "", "file with the private key, in hex, of a wallet that pays the bench's in a signed contract of a cluster that runs")
	f.IntVar(&b.processors, "processors", 1, "processors that the generator uses at once")
	f.StringVar(&b.plot, "plot", "", "file for a picture (SVG) of throughput and latency over time; - for standard output")
	f.BoolVar(&b.verify, "verify", true, "check the ledger of a cluster of its own afterwards")
	f.IntVar(&b.failover, "failover", 0, "kill the leader of its own cluster so often, and measure how long it takes until a write is acknowledged")
	f.Lookup("failover").NoOptDefVal = "20"
	cli.Complete(cmd, "to", toLeader, toAll, toNamed)
}

func (b *options) check() error {
	if b.to == "" {
		b.to = toLeader
		if b.given {
			b.to = toNamed
		}
	}
	switch {
	case !slices.Contains([]string{toLeader, toAll, toNamed}, b.to):
		return cli.ArgError("--to is %s, %s or %s", toLeader, toAll, toNamed)
	case b.to == toNamed && !b.given:
		return cli.ArgError("--to %s needs --server", toNamed)
	case len(b.connections) == 0 || slices.Min(b.connections) < 1 || slices.Max(b.connections) > maxConnections:
		return cli.ArgError("--connections are 1 to %d", maxConnections)
	case b.rate < 0 || b.rate > maxRate:
		return cli.ArgError("--rate is up to %d", maxRate)
	case b.duration < minDuration || b.warmup < 0:
		return cli.ArgError("--duration is at least %s, --warmup not negative", minDuration)
	case b.rounds < 1 || b.processors < 1:
		return cli.ArgError("--rounds and --processors are at least 1")
	case b.batch < 1 || b.batch > maxBatch:
		return cli.ArgError("--batch is 1 to %d", maxBatch)
	case b.wallets < 2 || b.wallets > maxWallets:
		return cli.ArgError("--wallets are 2 to %d", maxWallets)
	case b.zipf != 0 && b.zipf <= 1:
		return cli.ArgError("--zipf is above 1")
	case b.presign < 0 || b.presign > maxPresigned:
		return cli.ArgError("--presign is up to %d", maxPresigned)
	case b.payload < 0 || b.payload > maxPayload || b.payload > 0 && b.batch > 1:
		return cli.ArgError("--payload is up to %d, of single transfers", maxPayload)
	case b.plot != "" && len(b.connections)*b.rounds > 1:
		return cli.ArgError("--plot shows one run: one number of --connections, one of --rounds")
	}
	if b.given {
		if b.failover != 0 {
			return b.checkFailover()
		}
		return b.harmless()
	}
	if b.failover != 0 {
		if err := b.checkFailover(); err != nil {
			return err
		}
	}
	return b.cluster.check()
}

// run measures every number of connections.
func (b *options) run(cmd *cobra.Command) (err error) {
	ctx := cmd.Context()
	t, done, err := b.target(ctx)
	if err != nil {
		return err
	}
	defer func() { err = joined(err, done(err)) }()
	if err := t.learn(ctx); err != nil {
		return err
	}
	if err := b.checkContract(t); err != nil {
		return err
	}
	load, err := b.load(ctx, t)
	if err != nil {
		return err
	}
	r := &report{Own: t.own != nil, Processors: runtime.NumCPU(), Storage: t.storage(), Contract: t.contract.Contract.Token}
	if r.Rows, err = b.rows(ctx, t, load); err != nil {
		return err
	}
	if t.own != nil && b.verify {
		v, err := t.verify(ctx, load)
		if err != nil {
			return err
		}
		r.Verified = v
	}
	if b.plot != "" {
		if err := cli.WriteFile(b.plot, cmd.OutOrStdout(), r.Rows[0].draw); err != nil {
			return err
		}
	}
	return b.show(cmd.OutOrStdout(), r)
}

// rows measures all rows, each of them --rounds times: a whole round before the next, because
// the speed of a machine drifts.
func (b *options) rows(ctx context.Context, t *target, l *load) ([]*row, error) {
	rounds := make([][]*row, len(b.connections))
	for range b.rounds {
		for i, n := range b.connections {
			r, err := b.row(ctx, t, l, n)
			if err != nil {
				return nil, fmt.Errorf("%d connections: %w", n, err)
			}
			rounds[i] = append(rounds[i], r)
		}
	}
	var rows []*row
	for _, all := range rounds {
		rows = append(rows, median(all))
	}
	return rows, nil
}

// row measures one number of connections.
func (b *options) row(ctx context.Context, t *target, l *load, connections int) (*row, error) {
	if err := t.learn(ctx); err != nil { // who leads may have changed
		return nil, err
	}
	to := t.addressed(b.to)
	if err := b.mayLoad(t, to); err != nil {
		return nil, err
	}
	sources, err := l.sources(ctx, to, connections)
	if err != nil {
		return nil, err
	}
	before, after := &usage{}, &usage{}
	p := newProgress(os.Stderr, b.warmup, b.duration)
	defer p.end()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(b.processors))
	result, err := loadgen.Run(ctx, loadgen.Options{
		Dial:        t.dialer(to),
		Source:      func(i int) loadgen.Source { return sources[i] },
		Connections: connections, Rate: b.rate / float64(b.batch), Warmup: b.warmup, Duration: b.duration,
		Interval: interval(b.duration), Timeout: b.Timeout, Units: b.batch, Repeatable: l.repeatable(),
		Begin: func() { before.take(ctx, t) }, End: func() { after.take(ctx, t) }, Progress: p.at,
	})
	if err != nil {
		return nil, err
	}
	l.acknowledged += result.Acknowledged
	l.unknown += result.Unknown
	r := newRow(b, l, t, connections, result)
	return r, r.charge(before, after, t.own != nil)
}

// checkContract refuses what the contract does not take.
func (b *options) checkContract(t *target) error {
	signed := t.contract.Contract.Wallets == chain.SignedWallets
	switch {
	case signed && t.own == nil && b.keyFile == "":
		return cli.ArgError("the wallets of contract %s are signed: name a key that pays the bench's wallets with --key-file", t.contract.Contract.Token)
	case !signed && b.presign > 0:
		return cli.ArgError("--presign: nothing is signed in contract %s", t.contract.Contract.Token)
	case signed && b.payload > 0:
		return cli.ArgError("--payload is for open contracts")
	}
	return nil
}
