// Package health is how a member finds out whether it may lead and whether it
// keeps up: reasons against leading (Fitness), writes and calls that take too long
// (Watchdog), entries that do not get through (Progress), its own lag (Lag), and
// the members that are not heard (Absences).
package health

import (
	"context"
	"sync/atomic"
	"time"
)

// RunClock shows for how long this process has been running. What is watched
// for taking too long is measured by it: a process that was stopped, or whose
// machine was suspended, paused or moved to another host, finds all its
// time-outs long past when it goes on, while its writes had no chance to end.
//
// It goes on with each tick of its own, by one step at most. So a pause counts
// as a step, however long it was, and a starved process gets more time.
//
// The goroutine that calls Run sets it, and any may read it.
type RunClock struct {
	step time.Duration
	ran  atomic.Int64
	made time.Time
	last atomic.Int64 // when it went on last, since made; zero before it runs
}

// NewRunClock returns a clock that goes on in steps of at most step.
func NewRunClock(step time.Duration) *RunClock {
	c := &RunClock{step: max(step, time.Millisecond), made: time.Now()}
	c.ran.Store(1) // zero is no moment, for those who keep one
	return c
}

func (c *RunClock) now() time.Duration { return time.Duration(c.ran.Load()) }

// Run lets the clock go until ctx ends; it calls each after every tick.
func (c *RunClock) Run(ctx context.Context, each func()) {
	ticker := time.NewTicker(c.step)
	defer ticker.Stop()
	last := time.Now()
	for {
		c.last.Store(int64(last.Sub(c.made)))
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

// silent is for how long it has stood still, though it runs.
func (c *RunClock) silent() time.Duration {
	if last := c.last.Load(); last != 0 {
		return time.Since(c.made) - time.Duration(last)
	}
	return 0
}

// advance adds the time between two ticks, as far as it counts.
func (c *RunClock) advance(gap time.Duration) { c.ran.Add(int64(min(gap, c.step))) }

// Every calls f at every tick until ctx ends. It is for what may take longer than
// the clock may stand still.
func (c *RunClock) Every(ctx context.Context, f func()) {
	ticker := time.NewTicker(c.step)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f()
		}
	}
}
