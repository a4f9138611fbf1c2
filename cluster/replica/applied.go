package replica

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// appliedIndex is the index of the last entry in the state machine, and those
// who wait for it to grow. Each step wakes only whom it concerns, however many wait.
//
// Safe for concurrent use; mu guards all of it.
type appliedIndex struct {
	mu      sync.Mutex
	index   uint64
	awaited []awaited // lowest index first, each index once
}

// awaited is an index that somebody waits for.
type awaited struct {
	index   uint64
	waiting int
	reached chan struct{}
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
	at, found := a.find(a.index)
	if found {
		at++
	}
	for _, w := range a.awaited[:at] {
		close(w.reached)
	}
	a.awaited = slices.Delete(a.awaited, 0, at)
}

// wait returns once the index is reached, or the context's error.
func (a *appliedIndex) wait(ctx context.Context, index uint64) error {
	a.mu.Lock()
	if index <= a.index {
		a.mu.Unlock()
		return nil
	}
	at, found := a.find(index)
	if !found {
		a.awaited = slices.Insert(a.awaited, at, awaited{index: index, reached: make(chan struct{})})
	}
	a.awaited[at].waiting++
	reached := a.awaited[at].reached
	a.mu.Unlock()
	select {
	case <-reached:
		return nil
	case <-ctx.Done():
		a.leave(index)
		return ctx.Err()
	}
}

func (a *appliedIndex) leave(index uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, found := a.find(index)
	if !found {
		return // reached meanwhile
	}
	if a.awaited[at].waiting--; a.awaited[at].waiting == 0 {
		a.awaited = slices.Delete(a.awaited, at, at+1)
	}
}

func (a *appliedIndex) find(index uint64) (at int, found bool) {
	return slices.BinarySearchFunc(a.awaited, index, func(w awaited, index uint64) int { return cmp.Compare(w.index, index) })
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
