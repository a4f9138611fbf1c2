package groupcommit

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bpsc/bpsc/cluster/clock"
	"github.com/bpsc/bpsc/cluster/queue"
)

// scheduled is a machine with a time, and something due; mu guards both.
type scheduled struct {
	mu        sync.Mutex
	time, due int64
}

func (s *scheduled) Schedule() (now, due int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.time, s.due
}

// tickTimes runs a ticker alone, for a machine whose next due time is each time a period
// later, and returns when it proposed ticks within a second.
func tickTimes(period time.Duration) (at []time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	majority := clock.NewMajority(time.Second, nil)
	majority.Follow(nil, true)
	r := &scheduled{}
	t := NewTicker(TickerConfig{Queue: queue.New(), Machine: r, Clock: clock.NewStamper(majority),
		Leads: func() (uint64, bool) { return 0, true }, Settled: func(uint64) {}})
	began := time.Now()
	r.time, r.due = began.UnixMicro(), began.Add(period).UnixMicro()
	done := make(chan struct{})
	go func() { defer close(done); t.Run(ctx) }()
	for {
		select {
		case <-done:
			return at
		case <-t.cfg.Queue.Wake:
		}
		at = append(at, time.Since(began))
		r.mu.Lock()
		r.time = time.Now().UnixMicro()
		for r.due <= r.time {
			r.due += period.Microseconds()
		}
		r.mu.Unlock()
		t.cfg.Queue.Take(false).Answer(nil, queue.Result{Index: 1})
	}
}

// However much falls due, ticks are a hundred a second, and what is alone is not late.
func TestTicksAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before := time.Duration(0)
		at := tickTimes(time.Millisecond)
		for _, now := range at[1:] {
			if gap := now - before; before > 0 && gap < tickGap || gap > tickGap+time.Millisecond {
				t.Errorf("a tick after %v, and the next after %v", before, now)
			}
			before = now
		}
		if len(at) < 90 || len(at) > 100 {
			t.Errorf("%d ticks in a second", len(at))
		}
		for i, now := range tickTimes(100 * time.Millisecond) {
			if due := time.Duration(i+1) * 100 * time.Millisecond; now != due {
				t.Errorf("a tick after %v, due after %v", now, due)
			}
		}
	})
}
