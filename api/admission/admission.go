// Package admission says whether a node has room for one more: places for what
// takes long, memory for answers, and how often something may be done. Who gets no
// room is told so at once or after a bounded wait; nobody queues without end.
// Everything in it is safe for concurrent use.
package admission

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Places are so many places, each for one at a time.
type Places chan struct{}

// NewPlaces returns n places, all free.
func NewPlaces(n int) Places { return make(Places, n) }

// Enter takes a place until leave is called; ok is false when none is free.
func (p Places) Enter() (leave func(), ok bool) {
	select {
	case p <- struct{}{}:
		return p.leave, true
	default:
		return nil, false
	}
}

// Await takes a place until leave is called, or fails with ctx's error.
func (p Places) Await(ctx context.Context) (leave func(), err error) {
	select {
	case p <- struct{}{}:
		return p.leave, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p Places) leave() { <-p }

// Shared are places of which guests may have a part only.
type Shared struct{ all, guests Places }

// NewShared returns n places, of which at most part are for guests.
func NewShared(n, part int) Shared { return Shared{NewPlaces(n), NewPlaces(part)} }

// Enter takes a place until leave is called; ok is false when none is free for such a
// client.
func (s Shared) Enter(guest bool) (leave func(), ok bool) {
	if !guest {
		return s.all.Enter()
	}
	if _, ok := s.guests.Enter(); !ok {
		return nil, false
	}
	if _, ok := s.all.Enter(); !ok {
		s.guests.leave()
		return nil, false
	}
	return func() { s.all.leave(); s.guests.leave() }, true
}

// Taken is how many places are taken.
func (s Shared) Taken() int { return len(s.all) }

// FirstPatience is how long an answer waits for memory before its client is
// told to come again, NextPatience how long one does that is half out.
const (
	FirstPatience = 3 * time.Second
	NextPatience  = 30 * time.Second
)

// Memory is what answers may take, all together. A client that does not read makes
// an answer stay, so there is a bound to all and not only to each.
//
// Whoever holds a place among the readers waits for bytes at most as long as its
// patience, and whoever holds bytes never waits for a place among the readers
// meanwhile: the two cannot wait for each other.
type Memory struct {
	size    int64
	bytes   *semaphore.Weighted
	reading *semaphore.Weighted // readers that have no room for what they read yet
	full    error
}

// NewMemory returns size bytes, for which so many readers may wait with what they
// have read. full is what those are told for whom there is no room.
func NewMemory(size, readers int64, full error) *Memory {
	return &Memory{size: size, bytes: semaphore.NewWeighted(size), reading: semaphore.NewWeighted(readers), full: full}
}

// Hold keeps room for what read returns, until release. So little is read before
// there is room for it that it does not count.
func (m *Memory) Hold(ctx context.Context, patience time.Duration, read func() (size int, err error)) (release func(), err error) {
	if err := m.acquire(ctx, patience, m.reading, 1); err != nil {
		return nil, err
	}
	defer m.reading.Release(1)
	size, err := read()
	if err != nil {
		return nil, err
	}
	return m.Room(ctx, patience, size)
}

// Room waits for room, until release. What is larger than all of it gets all of it.
func (m *Memory) Room(ctx context.Context, patience time.Duration, size int) (release func(), err error) {
	n := min(int64(size), m.size)
	if err := m.acquire(ctx, patience, m.bytes, n); err != nil {
		return nil, err
	}
	return func() { m.bytes.Release(n) }, nil
}

// Try keeps room for what has been made, if there is any.
func (m *Memory) Try(size int) (release func(), ok bool) {
	n := min(int64(size), m.size)
	return func() { m.bytes.Release(n) }, m.bytes.TryAcquire(n)
}

func (m *Memory) acquire(ctx context.Context, patience time.Duration, of *semaphore.Weighted, n int64) error {
	if of.TryAcquire(n) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if of.Acquire(ctx, n) != nil {
		return m.full
	}
	return nil
}

// LogLimit lets one message a second through, because a cluster without a leader
// refuses ten thousand requests a second. Of those who come when a second is over,
// the one whose compare-and-swap moves last on is let through; the others count as
// suppressed.
type LogLimit struct {
	last       atomic.Int64 // unix nanoseconds
	suppressed atomic.Uint64
}

// Allow tells whether to log now, and how many times it said no before.
func (l *LogLimit) Allow() (ok bool, suppressed uint64) {
	last, now := l.last.Load(), time.Now().UnixNano()
	if now-last < int64(time.Second) || !l.last.CompareAndSwap(last, now) {
		l.suppressed.Add(1)
		return false, 0
	}
	return true, l.suppressed.Swap(0)
}
