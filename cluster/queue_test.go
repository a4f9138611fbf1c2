package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/outcome"
)

// Whatever is pushed, taken and withdrawn at the same time: each call is
// finished, each request has one outcome, and the counts return to zero.
func TestQueueConcurrently(t *testing.T) {
	q := newQueue()
	ctx, cancel := context.WithCancel(context.Background())
	var taking, calling sync.WaitGroup
	var taken sync.Map
	taking.Go(func() {
		for {
			select {
			case <-q.wake:
			case <-ctx.Done():
				return
			}
			for !q.empty() {
				b := q.take(rand.IntN(4) == 0)
				results := make([]Result, len(b.requests))
				for i, r := range b.requests {
					if _, twice := taken.LoadOrStore(string(r), true); twice {
						t.Errorf("%s was taken twice", r)
					}
					results[i] = Result{Index: 1, Data: r}
				}
				b.answer(results, Result{Index: 1})
			}
		}
	})
	for caller := range 20 {
		calling.Go(func() {
			for n := range 200 {
				var requests [][]byte
				for i := range rand.IntN(4) {
					requests = append(requests, fmt.Appendf(nil, "%d-%d-%d", caller, n, i))
				}
				c := newCall(requests, rand.IntN(3) == 0, nil)
				if err := q.push(c); err != nil {
					t.Error(err)
					return
				}
				if rand.IntN(2) == 0 {
					q.withdraw(c, outcome.NotOrdered)
				}
				select {
				case <-c.finished:
				case <-time.After(patience):
					t.Error("a call was forgotten")
					return
				}
				for i, r := range requests {
					_, was := taken.Load(string(r))
					switch got := c.results[i]; {
					case got.Err == nil && (!was || string(got.Data) != string(r)):
						t.Errorf("%s: result %q", r, got.Data)
					case got.Err != nil && was:
						t.Errorf("%s was taken and has the outcome %v", r, got.Err)
					}
				}
			}
		})
	}
	calling.Wait()
	q.close()
	if err := q.waitDrained(testContext(t)); err != nil {
		t.Error(err)
	}
	cancel()
	taking.Wait()
	if q.requests != 0 || q.bytes != 0 || q.active != 0 || q.calls.Len() != 0 {
		t.Errorf("left over: %d requests, %d bytes, %d active, %d calls", q.requests, q.bytes, q.active, q.calls.Len())
	}
}

func TestQueueBounds(t *testing.T) {
	t.Run("requests", func(t *testing.T) {
		q := newQueue()
		if err := q.push(newCall(make([][]byte, maxQueueRequests-1), false, nil)); err != nil {
			t.Fatal(err)
		}
		if err := q.push(newCall(make([][]byte, 2), false, nil)); !errors.Is(err, outcome.QueueFull) {
			t.Errorf("got %v", err)
		}
		if err := q.push(newCall(nil, false, nil)); err != nil {
			t.Errorf("the last place: %v", err)
		}
		if err := q.push(newCall(nil, false, nil)); !errors.Is(err, outcome.QueueFull) {
			t.Errorf("a barrier counts as nothing: %v", err)
		}
		q.withdrawAll(outcome.NoLeader)
		if err := q.push(newCall(nil, false, nil)); err != nil {
			t.Errorf("after withdrawing: %v", err)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		q := newQueue()
		big := make([]byte, maxRequestBytes)
		n := 0
		for q.push(newCall([][]byte{big}, false, nil)) == nil {
			n++
		}
		if n != maxQueueBytes/(maxRequestBytes+requestOverhead) {
			t.Errorf("%d big requests fit", n)
		}
	})
	t.Run("closed", func(t *testing.T) {
		q := newQueue()
		q.close()
		q.close()
		if err := q.push(newCall(nil, false, nil)); !errors.Is(err, outcome.ShuttingDown) {
			t.Errorf("got %v", err)
		}
	})
}

// The bounds fit together.
func TestLimits(t *testing.T) {
	for name, ok := range map[string]bool{
		"handing an entry to raft never blocks":            maxEntriesInFlight+1 < maxAppendEntries,
		"raft's applyCh holds all frames' entries":         maxEntriesInFlight <= maxAppendEntries,
		"the cache holds what is being replicated":         logCacheEntries >= 2*maxAppendEntries,
		"a batch of 10,000 requests fits in the queue":     maxQueueRequests >= 2*10_000,
		"a batch of 8 MiB fits in the queue":               maxQueueBytes >= 2*(8<<20+10_000*requestOverhead),
		"conflicts are mended by log (hashicorp/raft#697)": DefaultConfig().TrailingLogs >= 10_000,
	} {
		if !ok {
			t.Error(name)
		}
	}
}

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
	if len(a.waiters) != 0 {
		t.Errorf("%d waiters are left", len(a.waiters))
	}
	a.advance(5)
	if a.get() != 100 {
		t.Errorf("it went back to %d", a.get())
	}
}
