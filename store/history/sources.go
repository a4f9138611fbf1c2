package history

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// TakePending weighs some of the pending records, which stand from a place on; record is the
// text of the one at a position.
func (w *Walk) TakePending(from Place, record func(position int) []byte) {
	var m chain.Mention
	lo := max(w.lo, from)
	for range stepLength {
		next := w.Next()
		if next < lo || next > w.hi || w.full() {
			return
		}
		m.Read(record(next.Position()))
		if t := tagsOf(m.Kind, m.RoleOf(w.account)); t&anyRole != 0 {
			w.look(posting{at: next, hash: w.hash, tags: t})
		} else {
			w.Budget--
			w.pass(next)
		}
	}
}

// TakeBlocks weighs what indexes, the oldest first, have of the places from one on and before
// another, which is all that is there.
func (w *Walk) TakeBlocks(indexes []*Index, from, before Place) {
	lo, hi := max(w.lo, from), min(w.hi, before-1)
	if !w.up {
		slices.Reverse(indexes)
	}
	for _, x := range indexes {
		w.take(x.of(w.hash), lo, hi)
	}
	if !w.full() {
		w.passAll(lo, hi)
	}
}

// TakeRows weighs some of the rows of the account's bucket, of places before one, in one epoch
// after another up to the newest. Rows without an epoch are older than all others.
func (w *Walk) TakeRows(r pebble.Reader, newest keys.Epoch, before Place) error {
	it, err := r.NewIter(nil)
	if err != nil {
		return err
	}
	lo, hi := w.lo, min(w.hi, before-1)
	parts := int64(newest) + 2
	for i := range parts {
		part := i
		if !w.up {
			part = parts - 1 - i
		}
		whole, err := w.takeRows(it, rowsPart(w.contract, w.hash, part), lo, hi)
		if err != nil || !whole {
			return errors.Join(err, it.Close())
		}
	}
	w.passAll(lo, hi)
	return it.Close()
}

// rowsPart is how the keys of the account's bucket begin in a part of the history:
// 0 is what has no epoch, and the epochs follow.
func rowsPart(contract uint32, w accountHash, part int64) []byte {
	if part == 0 {
		return rowsPrefix(contract, w, nil)
	}
	key := keys.InEpoch(keys.EpochHistoryTable, contract, keys.Epoch(part-1))
	return binary.BigEndian.AppendUint16(key, w.bucket())
}

// takeRows weighs the postings from lo to hi of the rows with a prefix. It reports
// whether it came to their end.
func (w *Walk) takeRows(it *pebble.Iterator, prefix []byte, lo, hi Place) (whole bool, err error) {
	it.SetBounds(prefix, engine.After(prefix))
	// A row's key is the first place in it: the row before may reach into lo.
	var valid bool
	if w.up {
		valid = it.SeekLT(rowKey(prefix, lo+1)) || it.First()
	} else {
		valid = it.SeekLT(rowKey(prefix, hi+1))
	}
	var list []posting
	for n := 0; valid && !w.full(); n++ {
		if n == stepLength {
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
			w.Budget -= rowCost
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
