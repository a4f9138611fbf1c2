package cluster

import (
	"context"
	"errors"
	"github.com/bpsc/bpsc/cluster/groupcommit"
	"sync"
	"testing"
)

func TestAppliedIndex(t *testing.T) {
	var a appliedIndex
	var waiting sync.WaitGroup
	for n := range 1000 {
		waiting.Go(func() {
			index := uint64(n%100 + 1)
			if err := a.wait(testContext(t), index); err != nil {
				t.Error(err)
			}
			if a.get() < index {
				t.Errorf("woken for %d at %d", index, a.get())
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 100 {
		if err := a.wait(ctx, 1000); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	waitFor(t, "all to wait or to have waited", func() bool { return a.waiting() == 1000 })
	for index := range uint64(101) {
		a.advance(index)
	}
	waiting.Wait()
	if len(a.awaited) != 0 {
		t.Errorf("%d waiters are left", len(a.awaited))
	}
	a.advance(5)
	if a.get() != 100 {
		t.Errorf("it went back to %d", a.get())
	}
}

// waiting is how many wait.
func (a *appliedIndex) waiting() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.awaited {
		n += w.waiting
	}
	return n
}

// The bounds fit together.
func TestLimits(t *testing.T) {
	for name, ok := range map[string]bool{
		"handing an entry to raft never blocks":            groupcommit.MaxInFlight+1 < maxAppendEntries,
		"raft's applyCh holds all frames' entries":         groupcommit.MaxInFlight <= maxAppendEntries,
		"the cache holds what is being replicated":         logCacheEntries >= 2*maxAppendEntries,
		"conflicts are mended by log (hashicorp/raft#697)": DefaultConfig().TrailingLogs >= 10_000,
	} {
		if !ok {
			t.Error(name)
		}
	}
}
