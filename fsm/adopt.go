package fsm

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/store"
	"github.com/bpsc/bpsc/store/blocks"
)

// Adopter takes verified blocks of chains that are produced elsewhere into a
// store. Where Machine decides, it checks that somebody else decided by the
// rules: ids, every decision made again, balances, totals, conservation. Any
// goroutines may use it at once.
type Adopter struct {
	mu      sync.Mutex // for Update, and guards scratch
	store   *store.Store
	scratch *scratch
}

// NewAdopter returns an adopter into s, which nobody else may change.
func NewAdopter(s *store.Store) *Adopter { return &Adopter{store: s, scratch: newScratch()} }

// Adopt adds the next blocks of a chain, all of them or those before the first
// that breaks a rule; adopted is how many. The error wraps chain.ErrInvalid
// when a block is at fault, and then names it; any other error is the store's
// and final. The first block of a chain that the store does not have must be a
// genesis block whose contract has that token. Nothing of a bad block changes
// the state. What is adopted survives a crash once Store.Sync has returned.
func (a *Adopter) Adopt(token string, blocks []chain.Checked) (adopted int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for adopted < len(blocks) && err == nil {
		var n int
		n, err = a.update(token, blocks[adopted:adopted+share(blocks[adopted:])])
		adopted += n
	}
	return adopted, err
}

// share is how many of the blocks go into one Update.
func share(blocks []chain.Checked) int {
	records := 0
	for i := range blocks {
		if records += len(blocks[i].Block.Records); records > maxAdoptRecords {
			return max(i, 1)
		}
	}
	return len(blocks)
}

// update adopts blocks in one Update, up to the first bad one.
func (a *Adopter) update(token string, blocks []chain.Checked) (adopted int, err error) {
	var bad error // of a block: the store goes on
	err = a.store.Update(a.store.AppliedIndex()+1, func(tx *store.Tx) error {
		h := tx.Head(token)
		var v chain.Verifier
		if h != nil {
			v = chain.ResumeVerifier(chain.Info{Contract: h.Contract, ID: h.ID, Length: h.Index, Tip: h.Hash, TipTimestamp: h.Timestamp})
		}
		for i := range blocks {
			if h, bad = a.add(tx, h, token, &v, blocks[i]); bad != nil {
				return tx.Err()
			}
			adopted++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return adopted, bad
}

// add adds the next block to the chain at h, which is nil before the first. It
// changes nothing when it returns an error.
func (a *Adopter) add(tx *store.Tx, h *store.Head, token string, v *chain.Verifier, c chain.Checked) (*store.Head, error) {
	if err := v.Link(c); err != nil {
		return h, err
	}
	b := c.Block
	if b.Contract != nil && b.Contract.Token != token {
		return h, fmt.Errorf("%w: block %d: it begins a chain of %q, not %q", chain.ErrInvalid, b.Index, b.Contract.Token, token)
	}
	var below books
	if h == nil {
		empty := newMemory()
		below = &empty
	} else {
		below = headLedger{tx, h}
	}
	err := a.scratch.try(below, &v.Contract, b)
	if tx.Err() != nil {
		return h, tx.Err() // then the block may be good
	}
	if err != nil {
		return h, err
	}
	if h == nil {
		h = tx.CreateChain(*b.Contract)
		h.ID = c.Hash
	}
	a.scratch.commit(headLedger{tx, h}, b) // before the head moves: what changes, changes in the next block
	h.Index, h.Hash, h.Timestamp = b.Index, c.Hash, b.Timestamp
	h.Totals = *b.Totals
	h.Records += uint64(len(b.Records))
	leaf := proof.LeafOf(&b.Header, c.Hash, len(b.Records))
	tx.AddBlock(h, leaf.EntryHash(), &blocks.Block{Canonical: bytes.Clone(c.Canonical), Hash: c.Hash, Records: c.Records})
	tx.SetTime(max(tx.Time(), b.Timestamp))
	return h, nil
}
