package chainsync

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/store"
)

// Ledger keeps the chains. It is asked by many goroutines; Adopt for one chain
// by one at a time.
type Ledger interface {
	// Contract says where a chain stands; chain.ContractUnknown when there is none.
	Contract(token string) (chain.Info, error)
	// Block returns the canonical bytes of a block and their hash.
	Block(token string, index uint64) ([]byte, chain.Hash, error)
	// Adopt takes the next blocks of a chain, which have been checked one by
	// one, after checking them against all before. It returns how many it
	// took. An error that wraps chain.ErrInvalid is about the first one not
	// taken; any other is final.
	Adopt(token string, blocks []chain.Checked) (adopted int, err error)
	// LogHashes reads the nodes of the log of headers of the blocks adopted.
	LogHashes(token string) tlog.HashReader
	// Sync returns once all that was adopted survives a loss of power. An
	// error is final.
	Sync(ctx context.Context) error
}

// StoreLedger keeps the chains in s, in which nobody else may write.
func StoreLedger(s *store.Store) Ledger {
	return struct {
		*store.Store
		*fsm.Adopter
	}{s, fsm.NewAdopter(s)}
}

// errDisagree ends a bulk: two upstreams gave blocks that do not link. One of
// them alone will show whose fault it is.
var errDisagree = errors.New("the upstreams do not continue one another")

// head is where a chain stands in the ledger. The contract and the id are set
// with the first block, and never change after.
type head struct {
	length   uint64 // blocks; 0: not begun
	tip      chain.Hash
	contract *chain.Contract
	id       chain.Hash
}

// writer puts the blocks of one chain into the ledger, in order.
//
// The goroutine of the tracker's run owns it: it alone calls write, writeLast,
// drop, adopt and sync, so nobody else calls the ledger's Adopt for this chain, and no
// lock guards what they use. Others, at any time, call head, watch and block. A
// block is in the ledger before it is in head.
type writer struct {
	ledger Ledger
	token  string
	every  time.Duration // between two syncs, while blocks keep coming
	links  linkJudge
	peers  interface{ grew(length uint64) } // *peers
	limit  func() uint64                    // how many blocks may be taken; nil: all

	// Owned by the tracker's run.
	last      *fetched // good by itself, and stored when the next block links to it
	meanBytes int      // of the blocks that came last
	unsynced  int      // bytes taken since the ledger was made durable
	synced    time.Time

	mu    sync.Mutex // guards all below
	at    head
	grown broadcast
}

// linkJudge says what a block is that is good by itself and does not continue
// our chain; *fetcher. It asks the upstream that gave the block.
type linkJudge interface {
	unlinked(ctx context.Context, b fetched) error
}

// newWriter finds where the chain stands.
func newWriter(l Ledger, token string, every time.Duration) (*writer, error) {
	w := &writer{ledger: l, token: token, every: every}
	info, err := l.Contract(token)
	if errors.Is(err, chain.ContractUnknown) {
		return w, nil
	}
	if err != nil {
		return nil, err
	}
	w.at = head{info.Length, info.Tip, &info.Contract, info.ID}
	tip, err := w.block(info.Length)
	w.meanBytes = len(tip)
	return w, err
}

func (w *writer) head() head {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

// watch is the head, and what is closed when there is another.
func (w *writer) watch() (head, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at, w.grown.wait()
}

// block returns the canonical bytes of a block that is stored.
func (w *writer) block(index uint64) ([]byte, error) {
	text, _, err := w.ledger.Block(w.token, index)
	return text, err
}

// write gives blocks to the ledger that are each good by itself and come after
// the one that waits, but for the last, which waits now. A block is stored when
// the next one links to it: one that was changed, but is good by itself, would
// otherwise be found out when it is too late. The error may be a *refusal.
func (w *writer) write(ctx context.Context, batch []fetched) error {
	if w.last != nil {
		batch = append([]fetched{*w.last}, batch...)
		w.last = nil
	}
	for i := 1; i < len(batch); i++ {
		before, b := batch[i-1], batch[i]
		if b.Block.PreviousHash == before.Hash.String() {
			continue
		}
		if err := w.adopt(ctx, batch[:i-1]); err != nil {
			return err
		}
		if b.from != before.from {
			return errDisagree
		}
		return refuse(InvalidBlock, "block %d does not link to the block that came before it", b.Block.Index).
			with(b.Block.Index, b.Canonical).after(before.Canonical).by(b.from)
	}
	last := len(batch) - 1
	if err := w.adopt(ctx, batch[:last]); err != nil {
		return err
	}
	if last == 0 { // it is to link to what we have
		if err := w.continues(ctx, batch[0]); err != nil {
			return err
		}
	}
	w.last = &batch[last]
	if w.unsynced >= syncBytes || time.Since(w.synced) >= w.every {
		return w.sync(ctx)
	}
	return nil
}

// writeLast stores the block that waits, which is the newest at its upstream.
func (w *writer) writeLast(ctx context.Context) error {
	if w.last == nil {
		return nil
	}
	return w.adopt(ctx, []fetched{*w.last})
}

// drop forgets the block that waits; it is fetched again.
func (w *writer) drop() { w.last = nil }

// adopt gives blocks that link to one another to the ledger.
func (w *writer) adopt(ctx context.Context, batch []fetched) error {
	batch, held := w.within(batch)
	if len(batch) == 0 {
		return held
	}
	if err := w.continues(ctx, batch[0]); err != nil {
		return err
	}
	blocks := make([]chain.Checked, len(batch))
	for i, b := range batch {
		blocks[i] = b.Checked
	}
	n, err := w.ledger.Adopt(w.token, blocks)
	w.advance(blocks[:n])
	if errors.Is(err, chain.ErrInvalid) && n < len(batch) {
		bad := batch[n]
		return refuse(InvalidBlock, "%s", clip(err.Error())).with(bad.Block.Index, bad.Canonical).by(bad.from)
	}
	return cmp.Or(err, held)
}

// errHeld: the blocks that come next are after a recovery that nobody here has
// accepted.
var errHeld = errors.New("what comes next is not taken")

// within is what may be taken of a batch; errHeld where that is not all.
func (w *writer) within(batch []fetched) ([]fetched, error) {
	if w.limit == nil || len(batch) == 0 {
		return batch, nil
	}
	limit := w.limit()
	if batch[len(batch)-1].Block.Index <= limit {
		return batch, nil
	}
	i := slices.IndexFunc(batch, func(b fetched) bool { return b.Block.Index > limit })
	return batch[:i], errHeld
}

// continues makes sure that a block links to the newest in the ledger.
func (w *writer) continues(ctx context.Context, b fetched) error {
	if h := w.head(); h.length > 0 && b.Block.PreviousHash != h.tip.String() {
		return w.links.unlinked(ctx, b)
	}
	return nil
}

// advance notes what the ledger has taken.
func (w *writer) advance(blocks []chain.Checked) {
	if len(blocks) == 0 {
		return
	}
	taken := 0
	for _, b := range blocks {
		taken += len(b.Canonical)
	}
	w.unsynced += taken
	if mean := taken / len(blocks); w.meanBytes == 0 {
		w.meanBytes = mean
	} else {
		w.meanBytes = (3*w.meanBytes + mean) / 4
	}
	newest := blocks[len(blocks)-1]
	w.peers.grew(newest.Block.Index) // first: no upstream shall seem to have less than we do
	w.mu.Lock()
	defer w.mu.Unlock()
	if first := blocks[0]; first.Block.Index == 1 {
		w.at.contract, w.at.id = first.Block.Contract, first.Hash
	}
	w.at.length, w.at.tip = newest.Block.Index, newest.Hash
	w.grown.send()
}

// sync makes durable what was taken.
func (w *writer) sync(ctx context.Context) error {
	w.synced = time.Now()
	if w.unsynced == 0 {
		return nil
	}
	w.unsynced = 0
	return w.ledger.Sync(ctx)
}
