package raftlog

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// maxAhead bounds the entries that wait to be written: a few of the largest are some
// megabytes, and whoever orders requests has three under way.
const maxAhead = 16

// Ahead lets a leader write its log while the others write theirs, and not before
// (Ongaro's thesis, 10.2.1): raft stores entries, and sends them once that returns.
// So of the entries that a leader stores those with requests only wait here, and are
// written, in order, by a goroutine of its own. To raft they seem to be stored, and it
// counts this member among those that have them. What keeps that from being said or done
// too early is up to those around it:
//
//   - no entry is applied here before it is written ([Ahead.Await]);
//   - nobody is told of a commit index beyond what is written ([Ahead.Written]), be it in a
//     message of raft's or when members say to each other how far they have come.
//
// So whatever is applied or acknowledged anywhere is on the disks of a majority, and of
// the leader among them. All else waits until nothing waits here: the entries of a
// follower; configurations, which count as soon as they are committed; and cuts.
//
// raft stores and cuts from one goroutine at a time, and reads from any. mu guards what is
// below it; the goroutine that writes ends with Close.
type Ahead struct {
	raft.LogStore // what returns from it is on the disk

	leads atomic.Pointer[func() bool]

	mu      sync.Mutex
	waiting []*raft.Log   // in the order of the log; the first ones are being written
	failed  error         // of a write, after which nothing is stored any more
	closed  bool          // Close was called
	wake    chan struct{} // token for the goroutine that writes
	moved   chan struct{} // closed and made anew whenever waiting or failed changes
	ended   chan struct{} // closed when nothing is written any more
}

var _ raft.MonotonicLogStore = (*Ahead)(nil)

// NewAhead returns a log that is never ahead of store before Begin.
func NewAhead(store raft.LogStore) *Ahead {
	a := &Ahead{LogStore: store, wake: make(chan struct{}, 1), moved: make(chan struct{}), ended: make(chan struct{})}
	go a.run()
	return a
}

// Begin lets the log be ahead while leads says that this member leads, which is asked by
// the goroutine that stores.
func (a *Ahead) Begin(leads func() bool) { a.leads.Store(&leads) }

// Close writes what waits, and ends. Nothing is stored any more.
func (a *Ahead) Close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.signal()
	<-a.ended
}

// Written is the part of the log up to an index that is on this member's disk: the index,
// or that of the last entry before those that wait. Whoever asks has got the index first.
func (a *Ahead) Written(index uint64) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) == 0 {
		return index
	}
	return min(index, a.waiting[0].Index-1)
}

// Await waits until the log is written up to an index. An error is that of a write that
// failed, or the end of ctx.
func (a *Ahead) Await(ctx context.Context, index uint64) error {
	return a.await(ctx, func() bool { return len(a.waiting) == 0 || a.waiting[0].Index > index })
}

// await waits until there is what it waits for, which it asks under mu.
func (a *Ahead) await(ctx context.Context, there func() bool) error {
	for {
		a.mu.Lock()
		is, err, moved := there(), a.failed, a.moved
		a.mu.Unlock()
		if is || err != nil {
			return err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drain waits until nothing waits. raft has no context for it: whoever watches the writes
// ends the process where one hangs.
func (a *Ahead) drain() error {
	return a.await(context.Background(), func() bool { return len(a.waiting) == 0 })
}

// StoreLog implements raft.LogStore.
func (a *Ahead) StoreLog(l *raft.Log) error { return a.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore.
func (a *Ahead) StoreLogs(logs []*raft.Log) error {
	if leads := a.leads.Load(); leads == nil || !(*leads)() || slices.ContainsFunc(logs, countsAtOnce) {
		if err := a.drain(); err != nil {
			return err
		}
		return a.LogStore.StoreLogs(logs)
	}
	if err := a.await(context.Background(), func() bool { return len(a.waiting) < maxAhead }); err != nil {
		return err
	}
	a.mu.Lock()
	a.waiting = append(a.waiting, logs...)
	a.mu.Unlock()
	a.signal()
	return nil
}

// countsAtOnce tells whether raft acts on an entry itself, and not only what applies it.
func countsAtOnce(l *raft.Log) bool { return l.Type != raft.LogCommand }

// DeleteRange implements raft.LogStore.
func (a *Ahead) DeleteRange(min, max uint64) error {
	if err := a.Await(context.Background(), max); err != nil {
		return err
	}
	return a.LogStore.DeleteRange(min, max)
}

// GetLog implements raft.LogStore.
func (a *Ahead) GetLog(index uint64, l *raft.Log) error {
	a.mu.Lock()
	if len(a.waiting) > 0 && index >= a.waiting[0].Index && index-a.waiting[0].Index < uint64(len(a.waiting)) {
		*l = *a.waiting[index-a.waiting[0].Index]
		a.mu.Unlock()
		return nil
	}
	a.mu.Unlock()
	return a.LogStore.GetLog(index, l) // written meanwhile, if it waited when it was asked for
}

// LastIndex implements raft.LogStore.
func (a *Ahead) LastIndex() (uint64, error) {
	a.mu.Lock()
	if n := len(a.waiting); n > 0 {
		defer a.mu.Unlock()
		return a.waiting[n-1].Index, nil
	}
	a.mu.Unlock()
	return a.LogStore.LastIndex()
}

// IsMonotonic implements raft.MonotonicLogStore.
func (a *Ahead) IsMonotonic() bool {
	store, ok := a.LogStore.(raft.MonotonicLogStore)
	return ok && store.IsMonotonic()
}

func (a *Ahead) signal() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run writes what waits, all of it at once, until Close or a failure.
func (a *Ahead) run() {
	defer close(a.ended)
	for {
		a.mu.Lock()
		logs, last := slices.Clip(a.waiting), a.closed
		a.mu.Unlock()
		if len(logs) == 0 {
			if last {
				return
			}
			<-a.wake
			continue
		}
		err := a.LogStore.StoreLogs(logs)
		a.mu.Lock()
		if a.failed = err; err == nil {
			a.waiting = slices.Delete(a.waiting, 0, len(logs)) // nobody else takes from it
		}
		close(a.moved)
		a.moved = make(chan struct{})
		a.mu.Unlock()
		if err != nil {
			return
		}
	}
}
