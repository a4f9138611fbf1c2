package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// place is somewhere a block shows up.
type place struct {
	name string
	conn *conn
	took []time.Duration // from the acknowledgement on; below zero when it was there before
}

// measureVisible prints how long after the acknowledgement of a transfer that
// completes a block that block stands at a follower. Whoever looks has a
// request under way that waits for it.
func measureVisible(ctx context.Context, o options) error {
	cluster, err := o.start(ctx, "visible", 3, `{"token":"aka","wallets":"open","schedule":{"transactions":1}}`)
	if err != nil {
		return err
	}
	defer func() { _ = cluster.KillAll() }() // the run is over either way
	leader, err := cluster.Leader(ctx)
	if err != nil {
		return err
	}
	near, err := o.follow(ctx, "visible", "near", cluster.URLs()...)
	if err != nil {
		return err
	}
	defer func() { _ = near.Kill() }()
	far, err := o.follow(ctx, "visible", "far", near.URL)
	if err != nil {
		return err
	}
	defer func() { _ = far.Kill() }()
	if err := errors.Join(near.AwaitReady(ctx, answerLimit), far.AwaitReady(ctx, answerLimit)); err != nil {
		return err
	}
	places, err := dialPlaces(cluster, leader, near, far)
	if err != nil {
		return err
	}
	if err := watchBlocks(ctx, leader, places, o.samples); err != nil {
		return err
	}
	fmt.Printf("acknowledgement of a transfer that completes a block to the block, %d times\n\n", o.samples)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(out, "at\tmedian\tp99\tworst")
	for _, p := range places {
		slices.Sort(p.took)
		n := len(p.took)
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", p.name, round(p.took[n/2]), round(p.took[n*99/100]), round(p.took[n-1]))
	}
	return out.Flush()
}

func dialPlaces(c *harness.Cluster, leader *harness.Member, near, far *harness.Follower) ([]*place, error) {
	other := c.Members[0]
	if other == leader {
		other = c.Members[1]
	}
	var places []*place
	for _, at := range []struct{ name, url string }{
		{"a member that does not lead", other.URL}, {"a follower of the members", near.URL}, {"a follower of that follower", far.URL},
	} {
		conn, err := dial(at.url)
		if err != nil {
			return nil, err
		}
		places = append(places, &place{name: at.name, conn: conn})
	}
	return places, nil
}

// watchBlocks sends one transfer after the other; each waits until everybody
// has seen the block of the one before.
func watchBlocks(ctx context.Context, leader *harness.Member, places []*place, samples int) error {
	writer, err := dial(leader.URL)
	if err != nil {
		return err
	}
	for i := range samples {
		var wg sync.WaitGroup
		seen, errs := make([]time.Time, len(places)), make([]error, len(places))
		for j, p := range places {
			wg.Go(func() { seen[j], errs[j] = p.await(i + 2) })
		}
		status, err := writer.send(writer.request("/v1/transactions", transferText(i)))
		acknowledged := time.Now()
		if err == nil && status != 201 {
			err = fmt.Errorf("a transfer was answered with %d", status)
		}
		if err != nil {
			return err
		}
		wg.Wait()
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
	var got lines
	status, err := p.conn.ask(p.conn.blocksFrom(index, 1), &got)
	if err == nil && (status != 200 || got != 1) {
		err = fmt.Errorf("block %d at %s: answered with %d and %d blocks", index, p.name, status, got)
	}
	return time.Now(), err
}
