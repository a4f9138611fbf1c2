package cluster

import (
	"container/heap"
	"context"
	"sync"
)

// appliedIndex is the index of the last entry in the state machine, and those
// who wait for it to grow: in a heap, so that each step wakes only whom it
// concerns, however many wait.
//
// Safe for concurrent use.
type appliedIndex struct {
	mu      sync.Mutex
	index   uint64
	waiters waiterHeap
}

type waiter struct {
	index   uint64
	reached chan struct{}
	place   int // in the heap; -1 when out of it
}

func (a *appliedIndex) get() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.index
}

// advance sets the index and wakes those who waited for it.
func (a *appliedIndex) advance(index uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.index = max(a.index, index)
	for len(a.waiters) > 0 && a.waiters[0].index <= a.index {
		close(heap.Pop(&a.waiters).(*waiter).reached)
	}
}

// wait returns once the index is reached, or the context's error.
func (a *appliedIndex) wait(ctx context.Context, index uint64) error {
	w := a.enter(index)
	if w == nil {
		return nil
	}
	select {
	case <-w.reached:
		return nil
	case <-ctx.Done():
		a.leave(w)
		return ctx.Err()
	}
}

func (a *appliedIndex) enter(index uint64) *waiter {
	a.mu.Lock()
	defer a.mu.Unlock()
	if index <= a.index {
		return nil
	}
	w := &waiter{index: index, reached: make(chan struct{})}
	heap.Push(&a.waiters, w)
	return w
}

func (a *appliedIndex) leave(w *waiter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w.place >= 0 {
		heap.Remove(&a.waiters, w.place)
	}
}

// waiterHeap implements heap.Interface, lowest index first.
type waiterHeap []*waiter

func (h waiterHeap) Len() int           { return len(h) }
func (h waiterHeap) Less(i, j int) bool { return h[i].index < h[j].index }

func (h waiterHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *waiterHeap) Push(x any) {
	w := x.(*waiter)
	w.place = len(*h)
	*h = append(*h, w)
}

func (h *waiterHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	w.place = -1
	return w
}
