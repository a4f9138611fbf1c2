package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// measureFailover kills the leader under light load and prints how long it took
// until a transfer was acknowledged that was sent after the kill.
func measureFailover(ctx context.Context, c *harness.Cluster, kills int) error {
	if kills < 1 {
		return nil
	}
	load := c.StartLoad(ctx, harness.LoadOptions{Workers: 6, Seed: uint64(time.Now().UnixNano())})
	var took []time.Duration
	for range kills {
		d, err := killOnce(ctx, c, load)
		if err != nil {
			return err
		}
		took = append(took, d)
	}
	if _, err := load.Stop(); err != nil {
		return err
	}
	slices.Sort(took)
	fmt.Printf("\nkill -9 of the leader to the first acknowledged write, %d times: median %s, worst %s\n",
		kills, took[kills/2].Round(time.Millisecond), took[kills-1].Round(time.Millisecond))
	return nil
}

func killOnce(ctx context.Context, c *harness.Cluster, load *harness.Load) (time.Duration, error) {
	if err := load.AwaitMore(ctx, 200); err != nil {
		return 0, err
	}
	took, err := c.KillLeader(ctx, load)
	if err != nil {
		return 0, err
	}
	return took, c.Start(ctx)
}
