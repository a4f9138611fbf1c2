package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// blockSize is how many transfers each block of a long chain has.
const blockSize = 1000

// syncLimit is how long a quarter of the chain may take.
const syncLimit = 10 * time.Minute

// measureSync makes a long chain, starts a follower without data and prints how
// fast it takes the chain over and what it holds in memory meanwhile.
func measureSync(ctx context.Context, o options) error {
	cluster, err := o.start(ctx, "sync", 1, fmt.Sprintf(`{"token":"aka","wallets":"open","schedule":{"transactions":%d}}`, blockSize))
	if err != nil {
		return err
	}
	defer func() { _ = cluster.KillAll() }() // the run is over either way
	blocks := o.chain / blockSize
	began := time.Now()
	if err := makeChain(ctx, cluster, blocks, o.batchConns); err != nil {
		return err
	}
	fmt.Printf("a chain of %d transfers in %d blocks, made in %s, and a new follower of its one member\n\n",
		blocks*blockSize, blocks, time.Since(began).Round(time.Second/10))

	began = time.Now()
	f, err := o.follow(ctx, "sync", "new", cluster.URLs()...)
	if err != nil {
		return err
	}
	defer func() { _ = f.Kill() }()
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(out, "of the chain\tafter\ttransfers/s\tmemory, MiB\tpeak, MiB")
	for quarter := 1; quarter <= 4; quarter++ {
		upTo := blocks * quarter / 4
		if err := f.AwaitLength(ctx, "", upTo+1, syncLimit); err != nil { // behind the genesis block
			return err
		}
		took := time.Since(began)
		memory, err := f.Memory()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%d %%\t%s\t%.0f\t%d\t%d\n", quarter*25, took.Round(10*time.Millisecond),
			float64(upTo*blockSize)/took.Seconds(), memory.Now>>20, memory.Peak>>20)
	}
	return out.Flush()
}

// makeChain sends full batches, each of which completes a block.
func makeChain(ctx context.Context, c *harness.Cluster, blocks, connections int) error {
	var next atomic.Int64
	errs := make([]error, connections)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = sendBatches(ctx, c.Members[0].URL, blocks, &next) })
	}
	wg.Wait()
	if err := cmp.Or(errs...); err != nil { // one is enough: the others say the same
		return err
	}
	return harness.Until(ctx, time.Minute, "the chain is complete", func(ctx context.Context) error {
		length, err := chainLength(ctx, c, c.Members[0])
		if err == nil && length != blocks+1 {
			err = fmt.Errorf("it has %d blocks of %d", length, blocks+1)
		}
		return err
	})
}

func sendBatches(ctx context.Context, url string, blocks int, next *atomic.Int64) error {
	c, err := dial(url)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // nothing is left to say on it
	for n := int(next.Add(1)); n <= blocks; n = int(next.Add(1)) {
		path, body := batchOf(blockSize, n)
		status, err := c.send(c.request(path, body))
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && status != 200 {
			err = fmt.Errorf("a batch was answered with %d", status)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
