package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bpsc/bpsc/internal/outcome"
)

// Whatever is pushed, taken and withdrawn at the same time: each call is
// finished, each request has one outcome, and the counts return to zero.
func TestQueueConcurrently(t *testing.T) {
	q := New()
	ctx, cancel := context.WithCancel(context.Background())
	var taking, calling sync.WaitGroup
	var taken sync.Map
	taking.Go(func() {
		for {
			select {
			case <-q.Wake:
			case <-ctx.Done():
				return
			}
			for q.Len() > 0 {
				b := q.Take(rand.IntN(4) == 0)
				results := make([]Result, len(b.Requests))
				for i, r := range b.Requests {
					if _, twice := taken.LoadOrStore(string(r), true); twice {
						t.Errorf("%s was taken twice", r)
					}
					results[i] = Result{Index: 1, Data: r}
				}
				b.Answer(results, Result{Index: 1})
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
				c := NewCall(requests, rand.IntN(3) == 0, nil)
				if err := q.Push(c); err != nil {
					t.Error(err)
					return
				}
				if rand.IntN(2) == 0 {
					q.Withdraw(c, outcome.NotOrdered)
				}
				select {
				case <-c.Finished:
				case <-time.After(20 * time.Second):
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
	q.Close()
	if err := q.WaitDrained(t.Context()); err != nil {
		t.Error(err)
	}
	cancel()
	taking.Wait()
	if q.requests != 0 || q.bytes != 0 || q.active != 0 || q.calls != 0 {
		t.Errorf("left over: %d requests, %d bytes, %d active, %d calls", q.requests, q.bytes, q.active, q.calls)
	}
}

func TestQueueBounds(t *testing.T) {
	t.Run("requests", func(t *testing.T) {
		q := New()
		if err := q.Push(NewCall(make([][]byte, maxRequests-1), false, nil)); err != nil {
			t.Fatal(err)
		}
		if err := q.Push(NewCall(make([][]byte, 2), false, nil)); !errors.Is(err, outcome.QueueFull) {
			t.Errorf("got %v", err)
		}
		if err := q.Push(NewCall(nil, false, nil)); err != nil {
			t.Errorf("the last place: %v", err)
		}
		if err := q.Push(NewCall(nil, false, nil)); !errors.Is(err, outcome.QueueFull) {
			t.Errorf("a barrier counts as nothing: %v", err)
		}
		q.WithdrawAll(outcome.NoLeader)
		if err := q.Push(NewCall(nil, false, nil)); err != nil {
			t.Errorf("after withdrawing: %v", err)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		q := New()
		big := make([]byte, MaxRequestBytes)
		n := 0
		for q.Push(NewCall([][]byte{big}, false, nil)) == nil {
			n++
		}
		if n != maxBytes/(MaxRequestBytes+RequestOverhead) {
			t.Errorf("%d big requests fit", n)
		}
	})
	t.Run("closed", func(t *testing.T) {
		q := New()
		q.Close()
		q.Close()
		if err := q.Push(NewCall(nil, false, nil)); !errors.Is(err, outcome.ShuttingDown) {
			t.Errorf("got %v", err)
		}
	})
}

// The bounds fit together.
func TestLimits(t *testing.T) {
	for name, ok := range map[string]bool{
		"a batch of 10,000 requests fits in the queue": maxRequests >= 2*10_000,
		"a batch of 8 MiB fits in the queue":           maxBytes >= 2*(8<<20+10_000*RequestOverhead),
	} {
		if !ok {
			t.Error(name)
		}
	}
}

func TestTheLoad(t *testing.T) {
	q := New()
	for range maxRequests {
		if err := q.Push(NewCall([][]byte{make([]byte, 94)}, false, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Push(NewCall(nil, false, nil)); !errors.Is(err, outcome.QueueFull) {
		t.Fatalf("got %v", err)
	}
	if got := q.Load(); got != (Load{maxRequests, 100 * maxRequests, 1}) {
		t.Errorf("got %+v", got)
	}
	for range 4 {
		q.Take(false)
	}
	if got := q.Load(); got.Requests >= maxRequests || got.Bytes != 100*got.Requests || got.Refused != 1 {
		t.Errorf("after some were taken: %+v", got)
	}
}

// No more than a second of work waits, whatever its size: while the queue is taken from and
// the oldest call has waited longer, others are refused before they come. A queue that
// nobody takes from is bound by its size alone, and one that was goes on with a second more.
func TestWhatWaitsIsBoundByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New()
		large := func() *Call { return NewCall([][]byte{make([]byte, MaxRequestBytes)}, false, nil) }
		push := func() error {
			full := q.Full()
			err := q.Push(large())
			if !errors.Is(err, full) && (err == nil) != (full == nil) {
				t.Errorf("Full says %v, Push %v", full, err)
			}
			return err
		}
		take := func() { q.Take(false).Answer(make([]Result, 1), Result{}) }
		mustPush := func() {
			t.Helper()
			if err := push(); err != nil {
				t.Fatal(err)
			}
		}
		mustPush()
		time.Sleep(time.Minute)
		mustPush() // nothing is taken: there is no leader
		mustPush()
		mustPush()
		take()
		time.Sleep(maxWait - time.Millisecond)
		mustPush()
		take()
		time.Sleep(2 * time.Millisecond)
		if err := push(); !errors.Is(err, outcome.QueueFull) {
			t.Errorf("after more than a second of work waited: %v", err)
		}
		if err := q.Push(NewCall(nil, false, nil)); err != nil {
			t.Errorf("what costs nothing: %v", err)
		}
		take()
		take()
		mustPush() // the oldest is younger now
		if got := q.Load().Refused; got != 2 {
			t.Errorf("%d were refused", got)
		}
	})
}
