package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// readTask is what a process of readers has to do: to follow the chain at URL
// from block Next, and to count the blocks that come between Start and End.
type readTask struct {
	URL     string
	Readers int
	Next    int
	Start   time.Time
	End     time.Time
}

// readElsewhere runs readers in a process of their own with the least
// priority: those they stand for are on other machines, and neither the members
// nor whoever measures the writes would share a processor with them.
func readElsewhere(ctx context.Context, t readTask) (blocks []int, err error) {
	task, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "nice", "-n", "19", self, "-read", string(task))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the readers: %w: %s", err, errs.String())
	}
	return blocks, json.Unmarshal(out.Bytes(), &blocks)
}

// runReaders is that process; it prints how many blocks each reader got.
func runReaders(ctx context.Context, text string) error {
	var t readTask
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return err
	}
	blocks, errs := make([]int, t.Readers), make([]error, t.Readers)
	var wg sync.WaitGroup
	for i := range blocks {
		wg.Go(func() { blocks[i], errs[i] = t.read(ctx) })
	}
	wg.Wait()
	if err := cmp.Or(errs...); err != nil { // one is enough: the others say the same
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(blocks)
}

// read follows the chain as a follower does.
func (t readTask) read(ctx context.Context) (blocks int, err error) {
	c, err := dial(t.URL)
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }() // nothing is left to say on it
	for next := t.Next; ctx.Err() == nil; {
		var got lines
		status, err := c.ask(c.blocksFrom(next, 0), &got)
		now := time.Now()
		if err == nil && status != 200 {
			err = fmt.Errorf("blocks from %d were answered with %d", next, status)
		}
		if err != nil || now.After(t.End) {
			return blocks, err
		}
		next += int(got)
		if now.After(t.Start) {
			blocks += int(got)
		}
	}
	return blocks, ctx.Err()
}
