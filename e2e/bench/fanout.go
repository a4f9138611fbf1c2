package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// fanoutConns are the connections of the paced writes: enough that none waits
// for the answer to the one before.
const fanoutConns = 10

// measureFanout prints how long writes take at a modest pace while the leader
// feeds many followers with ten blocks a second, and while it feeds none, in
// turns, because the speed of a machine drifts.
func measureFanout(ctx context.Context, o options) error {
	cluster, err := o.start(ctx, "fanout", 3, `{"token":"aka","wallets":"open","schedule":{"every":"100ms"}}`)
	if err != nil {
		return err
	}
	defer func() { _ = cluster.KillAll() }() // the run is over either way
	leader, err := cluster.Leader(ctx)
	if err != nil {
		return err
	}
	rounds := max(3, o.rounds)
	without, with := &fanout{url: leader.URL}, &fanout{url: leader.URL, readers: o.readers}
	for range rounds {
		for _, f := range []*fanout{without, with} {
			tip, err := chainLength(ctx, cluster, leader)
			if err == nil {
				err = f.round(ctx, o, tip)
			}
			if err != nil {
				return err
			}
		}
	}
	fmt.Printf("%d writes a second to the leader, ten blocks a second, %d times %s in turns\n\n", o.pace, rounds, o.row)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(out, "followers of the leader\twrites\tp50\tp99\tworst\tblocks/s to each\tto the slowest")
	for _, f := range []*fanout{without, with} {
		slices.Sort(f.took)
		n := len(f.took)
		fmt.Fprintf(out, "%d\t%d\t%s\t%s\t%s\t%s\n", f.readers, n, round(f.took[n/2]), round(f.took[n*99/100]), round(f.took[n-1]), f.blockRates())
	}
	return out.Flush()
}

// fanout is one of the two cases.
type fanout struct {
	url     string
	readers int
	took    []time.Duration // of each write, from the time when it was due
	blocks  []float64       // a second, of each reader in each round
}

func (f *fanout) blockRates() string {
	if len(f.blocks) == 0 {
		return "–\t–"
	}
	slices.Sort(f.blocks)
	return fmt.Sprintf("%.1f\t%.1f", f.blocks[len(f.blocks)/2], f.blocks[0])
}

// round writes, and reads what comes after tip.
func (f *fanout) round(ctx context.Context, o options, tip int) error {
	start := time.Now().Add(o.warmup)
	end := start.Add(o.row)
	writes := make([]sample, fanoutConns)
	errs := make([]error, 1)
	var reads []int
	var wg sync.WaitGroup
	if f.readers > 0 {
		wg.Go(func() { reads, errs[0] = readElsewhere(ctx, readTask{f.url, f.readers, tip + 1, start, end}) })
	}
	for i := range writes {
		wg.Go(func() { writes[i] = f.write(ctx, i, o.pace, start, end) })
	}
	wg.Wait()
	for _, s := range writes {
		f.took = append(f.took, s.took...)
		errs = append(errs, s.err)
	}
	for _, blocks := range reads {
		f.blocks = append(f.blocks, float64(blocks)/o.row.Seconds())
	}
	return cmp.Or(errs...) // one is enough: the others say the same
}

// write sends every tenth of the transfers, each when it is due: what a slow
// answer delays counts as slow too.
func (f *fanout) write(ctx context.Context, connection, pace int, start, end time.Time) (s sample) {
	c, err := dial(f.url)
	if err != nil {
		return sample{err: err}
	}
	defer func() { _ = c.Close() }() // nothing is left to say on it
	between := time.Second / time.Duration(pace)
	due := time.NewTimer(time.Duration(connection) * between)
	defer due.Stop()
	for next := time.Now().Add(time.Duration(connection) * between); next.Before(end); next = next.Add(fanoutConns * between) {
		due.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			return sample{err: ctx.Err()}
		case <-due.C:
		}
		status, err := c.send(c.request("/v1/transactions", transferText(connection)))
		if err == nil && status != 201 {
			err = fmt.Errorf("a transfer was answered with %d", status)
		}
		if err != nil {
			return sample{err: err}
		}
		if next.After(start) {
			s.took = append(s.took, time.Since(next))
		}
	}
	return s
}

// chainLength asks a member how many blocks there are.
func chainLength(ctx context.Context, c *harness.Cluster, m *harness.Member) (int, error) {
	var info struct{ Length int }
	err := harness.Get(ctx, c.HTTP, m.URL+"/v1/contracts/aka", &info)
	return info.Length, err
}
