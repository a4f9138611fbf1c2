package chainsync

import (
	"context"
	"sync"
)

// broadcast tells any number of goroutines that something has changed. Its
// owner's lock guards it.
type broadcast struct{ next chan struct{} }

// wait returns what is closed by the next send.
func (b *broadcast) wait() <-chan struct{} {
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

func (b *broadcast) send() {
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}

// waitFor returns once done says so; until then done says what is closed when it
// is to be asked again.
func waitFor(ctx context.Context, done func() (bool, <-chan struct{})) error {
	for {
		ok, changed := done()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// budget bounds the bytes of blocks that are in memory, over all chains.
//
// Ranges of a chain are stored in order. If a later range could take all there
// is, the one that everybody waits for would starve; so that one may always
// have one block more.
type budget struct {
	most     int // in all
	perRange int

	mu      sync.Mutex // guards all below, and the fields of every reservation
	used    int        // by all reservations
	changed broadcast  // there may be room
}

// reservation is what one range has of the budget.
type reservation struct {
	budget *budget
	bytes  int
	first  bool // its chain waits for it
}

// acquire waits until there is room for n bytes.
func (r *reservation) acquire(ctx context.Context, n int) error {
	b := r.budget
	return waitFor(ctx, func() (bool, <-chan struct{}) {
		b.mu.Lock()
		defer b.mu.Unlock()
		room := r.bytes+n <= b.perRange && b.used+n <= b.most
		if !room && !(r.first && r.bytes == 0) {
			return false, b.changed.wait()
		}
		b.used += n
		r.bytes += n
		return true, nil
	})
}

// release returns n bytes.
func (r *reservation) release(n int) {
	r.budget.mu.Lock()
	defer r.budget.mu.Unlock()
	r.budget.used -= n
	r.bytes -= n
	r.budget.changed.send()
}

// releaseAll returns whatever is left.
func (r *reservation) releaseAll() {
	r.budget.mu.Lock()
	defer r.budget.mu.Unlock()
	r.budget.used -= r.bytes
	r.bytes = 0
	r.budget.changed.send()
}

// prioritize says that this is the range its chain waits for.
func (r *reservation) prioritize() {
	r.budget.mu.Lock()
	defer r.budget.mu.Unlock()
	r.first = true
	r.budget.changed.send()
}
