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

	"github.com/bpsc/bpsc/internal/bubble"
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
					size := rand.IntN(2) * (maxSmallBytes + 1) // of either lane
					requests = append(requests, fmt.Appendf(make([]byte, 0, size+32), "%d-%d-%d%*d", caller, n, i, size, 0))
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
	if left := q.Load(); left.Requests != 0 || left.Bytes != 0 || q.active != 0 || q.Len() != 0 {
		t.Errorf("left over: %+v, %d active, %d calls", left, q.active, q.Len())
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

// Small requests do not wait behind all the large ones that came before them, nor these
// behind what small ones come: either begins each second entry.
func TestNeitherLaneWaitsForAllOfTheOther(t *testing.T) {
	request := func(kind byte, bytes int) [][]byte {
		r := make([]byte, bytes)
		r[0] = kind
		return [][]byte{r}
	}
	const small, large = 100, 100 << 10
	for _, c := range []struct {
		name          string
		waiting, late int // bytes of what fills a lane, and of what comes last
		forward       bool
	}{
		{"a transfer behind batches", large, small, false},
		{"a batch behind transfers", small, large, false},
		{"a request as large as an entry behind transfers", small, MaxRequestBytes, false},
		{"a transfer behind batches, on the way to the leader", large, small, true},
		{"a batch behind transfers, on the way to the leader", small, large, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := New()
			for q.Push(NewCall(request('w', c.waiting), false, nil)) == nil {
			}
			if err := q.Full(c.late); err != nil {
				t.Errorf("what fills one lane fills the other: %v", err)
			}
			last := NewCall(request('l', c.late), false, nil)
			if err := q.Push(last); err != nil {
				t.Fatalf("what fills one lane fills the other: %v", err)
			}
			for range 2 {
				for _, r := range q.Take(c.forward).Requests {
					if r[0] == 'l' {
						return
					}
				}
			}
			t.Error("it was in neither of the two entries that came next")
		})
	}
}

// What is small waits for what is in its own entry, too: a few large requests and no more.
func TestSmallOnesShareAnEntryWithFewLargeOnes(t *testing.T) {
	q := New()
	push := func(n, bytes int) {
		for range n {
			if err := q.Push(NewCall([][]byte{make([]byte, bytes)}, false, nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
	const batch = 40 << 10
	push(30, batch)
	push(1, 100)
	for i, want := range []int{2 + 1, 12, 12, 4} {
		if got := len(q.Take(false).Requests); got != want {
			t.Errorf("entry %d has %d requests instead of %d", i, got, want)
		}
	}
	push(1, MaxRequestBytes-1000) // one alone is taken, whatever its size
	push(1, 100)
	if got := len(q.Take(false).Requests); got != 2 {
		t.Errorf("%d requests beside a large one", got)
	}
}

// A frame for the leader is of one lane, so that there, too, small ones wait for small ones.
func TestAFrameIsOfOneLane(t *testing.T) {
	q := New()
	for range 20 {
		for _, size := range []int{10, maxSmallBytes, maxSmallBytes + 1, 100 << 10} {
			if err := q.Push(NewCall([][]byte{make([]byte, size)}, false, nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for q.Len() > 0 {
		b := q.Take(true)
		if b.Empty() {
			t.Fatal("nothing was taken of what waits")
		}
		small := 0
		for _, r := range b.Requests {
			if len(r) <= maxSmallBytes {
				small++
			}
		}
		if small != 0 && small != len(b.Requests) {
			t.Errorf("%d of %d are small", small, len(b.Requests))
		}
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
			full := q.Full(MaxRequestBytes)
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
		bubble.Pass(time.Minute)
		mustPush() // nothing is taken: there is no leader
		mustPush()
		mustPush()
		take()
		bubble.Pass(maxWait - time.Millisecond)
		mustPush()
		take()
		bubble.Pass(2 * time.Millisecond)
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
