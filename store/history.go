package store

import (
	"slices"
	"sort"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/history"
	"github.com/bpsc/bpsc/store/keys"
)

// History returns the records that concern an account: those that name it as
// sender, recipient or account, and what is spent or burned from the BPSC's
// wallet when it is that. Fees alone do not make a record part of the BPSC's
// history: it would be the whole chain. Pending records are included; a
// record's place is fixed once it is decided, so pages stay true while the
// chain grows.
func (s *Store) History(token, account string, q chain.HistoryQuery) (chain.HistoryPage, error) {
	w, err := history.New(&q, account)
	if err != nil {
		return chain.HistoryPage{}, err
	}
	s.using.RLock()
	defer s.using.RUnlock()
	page, err := s.history(token, w)
	if q.Before != "" {
		slices.Reverse(page.Records)
		page.Next, page.Prev = page.Prev, page.Next
	}
	return page, err
}

// history answers a walk, in its direction.
func (s *Store) history(token string, w *history.Walk) (chain.HistoryPage, error) {
	if err := s.beginWalk(token, w); err != nil {
		return chain.HistoryPage{}, err
	}
	for !w.Done() {
		if err := s.step(token, w); err != nil {
			return chain.HistoryPage{}, err
		}
	}
	return w.Page(func(at []history.Place, budget int) ([][]byte, int, error) {
		placed := make([]Placement, min(len(at), readRun))
		for i := range placed {
			placed[i] = Placement{Block: at[i].Block(), Position: at[i].Position()}
		}
		return s.records(token, placed, budget)
	})
}

// beginWalk fixes the end of the walk at the newest record there is now, so
// that a call ends however fast the chain grows.
func (s *Store) beginWalk(token string, w *history.Walk) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return err
	}
	return w.Begin(&h.Contract, h.Number, history.PlaceOf(h.Index+1, 0), h.nextPlace())
}

// step looks at some of what comes next. Below lies what Pebble holds, then
// the blocks of the layers, then the pending records; where one begins is asked
// anew at each step, because the chain goes on in between.
func (s *Store) step(token string, w *history.Walk) error {
	s.mu.RLock()
	h, err := s.head(token)
	if err != nil {
		s.mu.RUnlock()
		return err
	}
	inLayers, pending := history.PlaceOf(s.flushedTo(h)+1, 0), history.PlaceOf(h.Index+1, 0)
	if w.Next() >= pending {
		w.TakePending(pending, h.Pending.Record)
		s.mu.RUnlock()
		return nil
	}
	layers, db, newest := s.layersNow(), s.db, s.epochOf(h)
	s.mu.RUnlock() // what has been written stays true; the work on it may take a while
	if w.Next() < inLayers {
		return s.report(w.TakeRows(db, newest, inLayers))
	}
	w.TakeBlocks(s.indexesOf(layers), inLayers, pending)
	return nil
}

// flushedTo is the newest block of h that no layer holds.
func (s *Store) flushedTo(h *Head) uint64 {
	return uint64(sort.Search(int(h.Index), func(i int) bool {
		_, ok := s.blockInMemory(keys.Block{Contract: h.Number, Index: uint64(i) + 1})
		return ok
	}))
}

// layerNow is a layer and how many blocks it held at some moment.
type layerNow struct {
	*layer
	blocks int
}

func (s *Store) layersNow() []layerNow {
	now := []layerNow{{s.active, len(s.active.order)}}
	if s.frozen != nil {
		now = append([]layerNow{{s.frozen, len(s.frozen.order)}}, now...)
	}
	return now
}

// indexesOf are the indexes of layers, which it brings up to date first.
func (s *Store) indexesOf(layers []layerNow) []*history.Index {
	indexes := make([]*history.Index, len(layers))
	for i, l := range layers {
		for l.index.Done() < l.blocks {
			s.mu.RLock()
			from, more := l.unindexed()
			s.mu.RUnlock()
			l.index.Extend(from, more)
		}
		indexes[i] = &l.index
	}
	return indexes
}
