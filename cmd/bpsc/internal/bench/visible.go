package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/local"
)

func newVisibleCommand(b *options) *cobra.Command {
	samples := 300
	cmd := &cobra.Command{
		Use: "visible", Short: "How long after a transfer that completes a block the block is at followers", Args: cli.ExactArgs(0),
		Example: `  bpsc bench visible`,
		Long: `Start a cluster whose every transfer completes a block, a follower of it and a follower of that one.
Send one transfer after the other, and measure how long after its acknowledgement the block is seen
by who waits for it: at a member that does not lead, and at the two followers.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if samples < 1 || samples > maxSamples {
				return cli.ArgError("--samples are 1 to %d", maxSamples)
			}
			return b.runVisible(cmd, samples)
		},
	}
	b.cluster.flags(cmd.Flags())
	cmd.Flags().IntVar(&samples, "samples", samples, "transfers")
	return cmd
}

// place is somewhere a block shows up.
type place struct {
	Name   string  `json:"at"`
	Median float64 `json:"median_ms"`
	P99    float64 `json:"p99_ms"`
	Worst  float64 `json:"worst_ms"`

	conn *stream
	took []time.Duration // from the acknowledgement on; below zero when it was there before
}

func (b *options) runVisible(cmd *cobra.Command, samples int) (err error) {
	ctx := cmd.Context()
	t, done, err := b.ownTarget(ctx, `{"token":"aka","wallets":"open","schedule":{"transactions":1}}`)
	if err != nil {
		return err
	}
	defer func() { err = joined(err, done(err)) }()
	leader, err := t.ownLeader(ctx)
	if err != nil {
		return err
	}
	near, err := t.own.follow(ctx, "near", leader.URL)
	if err != nil {
		return err
	}
	far, err := t.own.follow(ctx, "far", near.URL)
	if err != nil {
		return err
	}
	places := []*place{{Name: "a follower of the leader"}, {Name: "a follower of that follower"}}
	urls := []string{near.URL, far.URL}
	for _, m := range t.own.members {
		if m != leader && len(places) == 2 {
			places, urls = append(places, &place{Name: "a member that does not lead"}), append(urls, m.URL)
		}
	}
	for i, p := range places {
		if p.conn, err = dialStream(ctx, t, urls[i]); err != nil {
			return err
		}
		defer p.conn.Close()
	}
	if err := b.watchBlocks(ctx, t, leader, places, samples); err != nil {
		return err
	}
	var rows []table.Row
	for _, p := range places {
		slices.Sort(p.took)
		n := len(p.took)
		p.Median, p.P99, p.Worst = milliseconds(p.took[n/2]), milliseconds(p.took[n*99/100]), milliseconds(p.took[n-1])
		rows = append(rows, table.Row{p.Name, ms(p.Median), ms(p.P99), ms(p.Worst)})
	}
	return b.Print(cmd.OutOrStdout(), places, table.Row{"block at", "median ms", "p99 ms", "worst ms"}, rows...)
}

// watchBlocks sends one transfer after the other; each waits until everybody has seen the
// block of the one before.
func (b *options) watchBlocks(ctx context.Context, t *target, leader *local.Process, places []*place, samples int) error {
	pick := b.pick(0)
	t.named = []string{leader.URL}
	for i := range samples {
		seen, errs := make([]time.Time, len(places)), make([]error, len(places))
		var watching sync.WaitGroup
		for j, p := range places {
			watching.Go(func() { seen[j], errs[j] = p.await(i + 2) }) // behind the genesis block
		}
		body := []byte(transferText + "}")
		fillTransfer(body, pick)
		_, err := t.post(ctx, "/v1/transactions", body)
		acknowledged := time.Now()
		if err != nil {
			return err
		}
		watching.Wait()
		if err := errors.Join(append(errs, ctx.Err())...); err != nil {
			return err
		}
		for j, p := range places {
			p.took = append(p.took, seen[j].Sub(acknowledged))
		}
	}
	return nil
}

// await returns when a block was there.
func (p *place) await(index int) (time.Time, error) {
	n, err := p.conn.blocks(index, 1)
	if err == nil && n != 1 {
		err = fmt.Errorf("block %d at %s: %d came", index, p.Name, n)
	}
	return time.Now(), err
}

// follow starts a follower and waits until it has caught up. It ends with the cluster.
func (c *ownCluster) follow(ctx context.Context, id string, upstreams ...string) (*local.Process, error) {
	f, err := c.follower(id, upstreams...)
	if err != nil {
		return nil, err
	}
	return f, f.Ready(ctx, c.http)
}

// follower starts a follower.
func (c *ownCluster) follower(id string, upstreams ...string) (*local.Process, error) {
	var ports local.Ports
	listen, err := ports.Free()
	if err = errors.Join(err, ports.Release()); err != nil {
		return nil, err
	}
	f := &local.Process{ID: id, URL: "http://" + listen, Binary: c.members[0].Binary, Log: filepath.Join(c.dir, id+".log")}
	f.Args = []string{"follow", "--listen", listen, "--data", filepath.Join(c.dir, id)}
	for _, u := range upstreams {
		f.Args = append(f.Args, "--upstream", u)
	}
	c.followers = append(c.followers, f)
	return f, f.Start()
}

// ownTarget is a cluster of its own with a contract, for what can be measured there alone.
func (b *options) ownTarget(ctx context.Context, contract string) (*target, func(error) error, error) {
	if err := b.cluster.check(); err != nil {
		return nil, nil, err
	}
	own := *b
	own.given, own.cluster.contract = false, contract
	t, done, err := own.target(ctx)
	if err == nil {
		t.http.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
		err = t.learn(ctx)
	}
	if err != nil && done != nil {
		return nil, nil, joined(err, done(err))
	}
	return t, done, err
}
