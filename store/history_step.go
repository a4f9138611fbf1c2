package store

import (
	"encoding/binary"
	"errors"
	"slices"
	"sort"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// beginWalk fixes the end of the walk at the newest record there is now, so
// that a call ends however fast the chain grows.
func (s *Store) beginWalk(token string, w *walk) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return err
	}
	w.pending, w.decimals = placeOf(h.Index+1, 0), h.Contract.Decimals
	w.hash = hashAccount(h.Number, []byte(w.account))
	return w.begin(placeOf(h.Index+1, h.Pending.Count()))
}

// step looks at some of what comes next. Below lies what Pebble holds, then
// the blocks of the layers, then the pending records; where one begins is asked
// anew at each step, because the chain goes on in between.
func (s *Store) step(token string, w *walk) error {
	s.mu.RLock()
	h, err := s.head(token)
	if err != nil {
		s.mu.RUnlock()
		return err
	}
	inLayers, pending := placeOf(s.flushedTo(h)+1, 0), placeOf(h.Index+1, 0)
	if w.next() >= pending {
		w.takePending(h, max(w.lo, pending))
		s.mu.RUnlock()
		return nil
	}
	layers, db, contract, newest := s.layersNow(), s.db, h.Number, s.epochOf(h)
	s.mu.RUnlock() // what has been written stays true; the work on it may take a while
	if w.next() < inLayers {
		return s.report(walkRows(db, contract, newest, w, w.lo, min(w.hi, inLayers-1)))
	}
	return s.walkLayers(layers, w, max(w.lo, inLayers), min(w.hi, pending-1))
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

// walkLayers goes through the blocks in memory, from the one at lo to the one
// at hi, all of which the layers hold. It brings their index up to date first.
func (s *Store) walkLayers(layers []layerNow, w *walk, lo, hi place) error {
	for _, l := range layers {
		for l.index.done.Load() < int64(l.blocks) {
			s.mu.RLock()
			from, blocks := l.unindexed()
			s.mu.RUnlock()
			l.index.extend(from, blocks)
		}
	}
	if !w.up {
		slices.Reverse(layers)
	}
	for _, l := range layers {
		w.take(l.index.of(w.hash), lo, hi)
	}
	if !w.full() {
		w.passAll(lo, hi)
	}
	return nil
}

// takePending weighs some pending records, lo and later.
func (w *walk) takePending(h *Head, lo place) {
	var m chain.Mention
	for range readRun {
		next := w.next()
		if next < lo || next > w.hi || w.full() {
			return
		}
		m.Read(h.Pending.Record(next.position()))
		if t := tagsOf(m.Kind, m.RoleOf(w.account)); t&anyRole != 0 {
			w.look(posting{at: next, hash: w.hash, tags: t})
		} else {
			w.budget--
			w.pass(next)
		}
	}
}

// walkRows goes through some of the rows of the account's bucket from lo to hi, in one
// epoch after another up to the newest. Rows without an epoch are older than all others.
func walkRows(r pebble.Reader, contract uint32, newest keys.Epoch, w *walk, lo, hi place) error {
	it, err := r.NewIter(nil)
	if err != nil {
		return err
	}
	parts := int64(newest) + 2
	for i := range parts {
		part := i
		if !w.up {
			part = parts - 1 - i
		}
		whole, err := w.takeRows(it, historyPart(contract, w.hash, part), lo, hi)
		if err != nil || !whole {
			return errors.Join(err, it.Close())
		}
	}
	w.passAll(lo, hi)
	return it.Close()
}

// historyPart is how the keys of the account's bucket begin in a part of the history:
// 0 is what has no epoch, and the epochs follow.
func historyPart(contract uint32, w accountHash, part int64) []byte {
	if part == 0 {
		return historyPrefix(contract, w, nil)
	}
	key := keys.InEpoch(keys.EpochHistoryTable, contract, keys.Epoch(part-1))
	return binary.BigEndian.AppendUint16(key, w.bucket())
}

// takeRows weighs the postings from lo to hi of the rows with a prefix. It reports
// whether it came to their end.
func (w *walk) takeRows(it *pebble.Iterator, prefix []byte, lo, hi place) (whole bool, err error) {
	it.SetBounds(prefix, engine.After(prefix))
	// A row's key is the first place in it: the row before may reach into lo.
	var valid bool
	if w.up {
		valid = it.SeekLT(historyKey(prefix, lo+1)) || it.First()
	} else {
		valid = it.SeekLT(historyKey(prefix, hi+1))
	}
	var list []posting
	for n := 0; valid && !w.full(); n++ {
		if n == readRun {
			return false, nil // go on in the next step
		}
		value, err := it.ValueAndErr()
		if err == nil {
			list, err = decodePostings(list[:0], it.Key(), value)
		}
		if err != nil {
			return false, err
		}
		if list[len(list)-1].at >= lo { // not the one that was only looked into
			w.budget -= historyRowCost
		}
		w.take(list, lo, hi)
		if w.up {
			valid = list[0].at <= hi && it.Next()
		} else {
			valid = list[0].at > lo && it.Prev()
		}
	}
	return !w.full(), it.Error()
}
