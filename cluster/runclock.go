package cluster

import (
	"context"
	"sync/atomic"
	"time"
)

// runClock shows for how long this process has been running. What is watched
// for taking too long is measured by it: a process that was stopped, or whose
// machine was suspended, paused or moved to another host, finds all its
// time-outs long past when it goes on, while its writes had no chance to end.
//
// It goes on with each tick of its own, by one step at most. So a pause counts
// as a step, however long it was, and a starved process gets more time.
type runClock struct {
	step time.Duration
	ran  atomic.Int64
}

func newRunClock(step time.Duration) *runClock { return &runClock{step: max(step, time.Millisecond)} }

func (c *runClock) now() time.Duration { return time.Duration(c.ran.Load()) }

// run is the clock's goroutine; it calls each after every tick.
func (c *runClock) run(ctx context.Context, each func()) {
	ticker := time.NewTicker(c.step)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			now := time.Now()
			c.advance(now.Sub(last))
			last = now
			each()
		}
	}
}

// advance adds the time between two ticks, as far as it counts.
func (c *runClock) advance(gap time.Duration) { c.ran.Add(int64(min(gap, c.step))) }
