package chainsync

import (
	"context"
	"sync"
)

// budget bounds the bytes of blocks that are in memory, over all chains.
//
// Parts of a chain are stored in order. If a later part could take all there
// is, the one that everybody waits for would starve; so that one may always
// have one block more.
type budget struct {
	most    int // in all
	perPart int

	mu      sync.Mutex    // guards all below, and the fields of every hold
	used    int           // by all holds
	changed chan struct{} // closed, and replaced, when there may be room
}

// hold is what one part has of the budget.
type hold struct {
	budget *budget
	bytes  int
	first  bool // its chain waits for it
}

func newBudget(most, perPart int) *budget {
	return &budget{most: most, perPart: perPart, changed: make(chan struct{})}
}

// take waits until there is room for n bytes.
func (h *hold) take(ctx context.Context, n int) error {
	b := h.budget
	for {
		b.mu.Lock()
		room := h.bytes+n <= b.perPart && b.used+n <= b.most
		if room || h.first && h.bytes == 0 {
			b.used += n
			h.bytes += n
			b.mu.Unlock()
			return nil
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// give returns n bytes.
func (h *hold) give(n int) {
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	h.bytes -= n
	b.wake()
}

// giveAll returns whatever is left.
func (h *hold) giveAll() {
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= h.bytes
	h.bytes = 0
	b.wake()
}

// lead says that this is the part its chain waits for.
func (h *hold) lead() {
	h.budget.mu.Lock()
	defer h.budget.mu.Unlock()
	h.first = true
	h.budget.wake()
}

// wake must be called with mu held.
func (b *budget) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}
