package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/local"
	"github.com/bpsc/bpsc/internal/loadgen"
)

const (
	syncBlock       = 1000             // transfers in each block of a long chain
	syncConnections = 8                // that make it
	syncLimit       = 10 * time.Minute // for the chain, and for each quarter of taking it over
)

func newSyncCommand(b *options) *cobra.Command {
	transfers := 1_000_000
	cmd := &cobra.Command{
		Use: "sync", Short: "How fast a new follower takes a long chain over, and what it holds in memory", Args: cli.ExactArgs(0),
		Example: `  bpsc bench sync`,
		Long: `Make a long chain on a cluster of one, start a follower without data, and measure how fast it takes the
chain over and how much memory it has meanwhile (the latter on Linux).`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if transfers < 4*syncBlock || transfers > maxSynced {
				return cli.ArgError("--transfers are %d to %d", 4*syncBlock, maxSynced)
			}
			return b.runSync(cmd, transfers/syncBlock)
		},
	}
	b.cluster.flags(cmd.Flags())
	cmd.Flags().IntVar(&transfers, "transfers", transfers, "transfers in the chain, in blocks of "+strconv.Itoa(syncBlock))
	return cmd
}

// synced is how far a follower was.
type synced struct {
	Percent int     `json:"percent"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"transfers_per_second"`
	Memory  int64   `json:"memory_bytes"`
	Peak    int64   `json:"memory_peak_bytes"`
}

func (b *options) runSync(cmd *cobra.Command, blocks int) (err error) {
	ctx := cmd.Context()
	if !cmd.Flags().Changed("members") {
		b.cluster.members = 1
	}
	t, done, err := b.ownTarget(ctx, fmt.Sprintf(`{"token":"aka","wallets":"open","schedule":{"transactions":%d}}`, syncBlock))
	if err != nil {
		return err
	}
	defer func() { err = joined(err, done(err)) }()
	if err := b.makeChain(ctx, t, blocks); err != nil {
		return err
	}
	began := time.Now()
	f, err := t.own.follower("new", t.own.urls()...)
	if err != nil {
		return err
	}
	if err := f.Answers(ctx, t.own.http, "/livez"); err != nil {
		return err
	}
	s, err := dialStream(ctx, t, f.URL)
	if err != nil {
		return err
	}
	defer s.Close()
	var all []synced
	var rows []table.Row
	for quarter := 1; quarter <= 4; quarter++ {
		upTo := blocks * quarter / 4
		if err := awaitBlock(ctx, s, upTo+1); err != nil { // behind the genesis block
			return err
		}
		q := synced{Percent: quarter * 25, Seconds: time.Since(began).Seconds()}
		q.Rate = float64(upTo*syncBlock) / q.Seconds
		q.Memory, q.Peak = memoryOf(f)
		all = append(all, q)
		rows = append(rows, table.Row{fmt.Sprint(q.Percent, " %"), fmt.Sprintf("%.2f", q.Seconds), fmt.Sprintf("%.0f", q.Rate), q.Memory >> 20, q.Peak >> 20})
	}
	return b.Print(cmd.OutOrStdout(), all, table.Row{"of the chain", "after s", "transfers/s", "memory MiB", "peak MiB"}, rows...)
}

// awaitBlock waits until a node has a block.
func awaitBlock(ctx context.Context, s *stream, index int) error {
	ctx, cancel := context.WithTimeout(ctx, syncLimit)
	defer cancel()
	tick := time.NewTicker(local.AskEvery)
	defer tick.Stop()
	for {
		n, err := s.blocks(index, 1)
		switch {
		case n == 1:
			return nil
		case err != nil && !errors.Is(err, errNotYet):
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no block %d within %s: %w", index, syncLimit, ctx.Err())
		case <-tick.C:
		}
	}
}

// makeChain sends full batches, each of which completes a block.
func (b *options) makeChain(ctx context.Context, t *target, blocks int) error {
	var next atomic.Int64
	head := (&load{options: &options{batch: syncBlock}, target: t}).head(t.own.members[0].URL[len("http://"):])
	_, err := loadgen.Run(ctx, loadgen.Options{
		Dial: t.dialer(t.own.urls()[:1]), Connections: syncConnections, Duration: syncLimit, Interval: time.Second, Timeout: b.Timeout, Units: syncBlock,
		Source: func(i int) loadgen.Source {
			return &countedSource{newBatchSource(head, transferText, syncBlock, keptBatches, b.pick(i)), &next, int64(blocks)}
		},
	})
	if err != nil {
		return err
	}
	s, err := t.standing(ctx, t.own.members[0].URL)
	if err == nil && s.Length != uint64(blocks)+1 {
		err = fmt.Errorf("the chain has %d blocks, not %d", s.Length, blocks+1)
	}
	return err
}

// countedSource ends after so many requests of all connections.
type countedSource struct {
	*batchSource
	next  *atomic.Int64
	total int64
}

func (s *countedSource) Next() []byte {
	if s.next.Add(1) > s.total {
		return nil
	}
	return s.batchSource.Next()
}

// memoryOf is what the process holds in memory now and held at most, in bytes; 0 where the
// kernel does not say.
func memoryOf(p *local.Process) (now, peak int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(text)) {
		var kibibytes int64
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kibibytes); err == nil {
			now = kibibytes << 10
		}
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kibibytes); err == nil {
			peak = kibibytes << 10
		}
	}
	return now, peak
}
