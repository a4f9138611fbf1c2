package store

import (
	"bytes"
	"container/heap"
	"encoding/json"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
)

// holdQueue holds the open holds of one chain in the order of (expiry, id). It
// is in memory, which MaxOpenHolds bounds, because the clock asks for its first
// at every entry.
type holdQueue struct {
	list  []queuedHold
	place map[chain.ID]int
}

type queuedHold struct {
	until int64 // unix seconds
	id    chain.ID
}

// Len, Less, Swap, Push and Pop are for container/heap.
func (q *holdQueue) Len() int { return len(q.list) }

func (q *holdQueue) Less(i, j int) bool {
	a, b := &q.list[i], &q.list[j]
	if a.until != b.until {
		return a.until < b.until
	}
	return bytes.Compare(a.id[:], b.id[:]) < 0
}

func (q *holdQueue) Swap(i, j int) {
	q.list[i], q.list[j] = q.list[j], q.list[i]
	q.place[q.list[i].id], q.place[q.list[j].id] = i, j
}

func (q *holdQueue) Push(x any) {
	h := x.(queuedHold)
	q.place[h.id] = len(q.list)
	q.list = append(q.list, h)
}

func (q *holdQueue) Pop() any {
	last := len(q.list) - 1
	h := q.list[last]
	q.list = q.list[:last]
	delete(q.place, h.id)
	return h
}

// set adds an open hold or removes an ended one.
func (q *holdQueue) set(id chain.ID, s chain.HoldState) {
	if q.place == nil {
		q.place = map[chain.ID]int{}
	}
	i, known := q.place[id]
	switch {
	case s.Ended == "" && !known:
		heap.Push(q, queuedHold{s.Until, id})
	case s.Ended != "" && known:
		heap.Remove(q, i)
	}
}

// NextHold is the open hold of h that expires first.
func (h *Head) NextHold() (id chain.ID, until int64, ok bool) {
	if len(h.holds.list) == 0 {
		return id, 0, false
	}
	first := h.holds.list[0]
	return first.id, first.until, true
}

// OpenHolds is how many holds nobody has decided yet.
func (h *Head) OpenHolds() int { return len(h.holds.list) }

// Hold returns what is known of a hold.
func (tx *Tx) Hold(h *Head, id chain.ID) (chain.HoldState, bool) {
	s, ok, err := tx.s.hold(idKey{h.Number, id})
	tx.note(err)
	return s, ok
}

// SetHold opens a hold or ends one.
func (tx *Tx) SetHold(h *Head, id chain.ID, s chain.HoldState) {
	tx.s.active.setHold(idKey{h.Number, id}, s)
	h.holds.set(id, s)
}

func (l *layer) setHold(k idKey, s chain.HoldState) {
	if _, known := l.holds[k]; !known {
		l.bytes += holdCost
	}
	l.holds[k] = s
}

// hold reads through the layers. The caller holds mu.
func (s *Store) hold(k idKey) (chain.HoldState, bool, error) {
	if h, ok := s.active.holds[k]; ok {
		return h, true, nil
	}
	if s.frozen != nil {
		if h, ok := s.frozen.holds[k]; ok {
			return h, true, nil
		}
	}
	for _, table := range []byte{openHoldTable, endedHoldTable} {
		row, err := get(s.db, k.inTable(table))
		if err != nil {
			return chain.HoldState{}, false, err
		}
		if row != nil {
			h, err := decodeHold(row)
			return h, true, err
		}
	}
	return chain.HoldState{}, false, nil
}

func (k idKey) inTable(table byte) []byte { return append(tableKey(table, k.contract), k.id[:]...) }

func encodeHold(h chain.HoldState) ([]byte, error) { return json.Marshal(h) }

func decodeHold(row []byte) (h chain.HoldState, err error) {
	if err := json.Unmarshal(row, &h); err != nil {
		return h, fmt.Errorf("%w: hold: %w", errCorrupt, err)
	}
	return h, nil
}

// Hold returns what is known of a hold.
func (s *Store) Hold(token string, id chain.ID) (chain.HoldState, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return chain.HoldState{}, err
	}
	state, ok, err := s.hold(idKey{h.Number, id})
	if err == nil && !ok {
		err = fmt.Errorf("%w: no hold %s", chain.NotFound, id)
	}
	return state, err
}

// loadHolds fills the queue from disk.
func (h *Head) loadHolds(r pebble.Reader) error {
	return scan(r, tableKey(openHoldTable, h.Number), func(key, row []byte) error {
		state, err := decodeHold(row)
		if err == nil {
			h.holds.set(chain.ID(key[5:]), state)
		}
		return err
	})
}
