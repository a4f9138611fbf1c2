package store

import (
	"encoding/json"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
)

// Holds are the open holds of h. Only SetHold changes them.
func (h *Head) Holds() *HoldQueue { return &h.holds }

// Hold returns what is known of a hold.
func (tx *Tx) Hold(h *Head, id chain.ID) (chain.HoldState, bool) {
	k := idKey{h.Number, id}
	state, known := tx.s.holdInMemory(k)
	if !known {
		var err error
		state, err = holdOnDisk(tx.s.db, k)
		tx.note(err)
	}
	return state.HoldState, state.known
}

// SetHold opens a hold or ends one.
func (tx *Tx) SetHold(h *Head, id chain.ID, s chain.HoldState) {
	tx.s.active.setHold(idKey{h.Number, id}, s)
	h.queueHold(id, s)
}

// queueHold keeps what is derived from the open holds.
func (h *Head) queueHold(id chain.ID, s chain.HoldState) {
	h.holds.Set(id, s)
	h.parties.set(id, s)
}

func (l *layer) setHold(k idKey, s chain.HoldState) {
	if _, known := l.holds[k]; !known {
		l.bytes += holdCost
	}
	l.holds[k] = s
}

// heldAs is a hold, or that there is none.
type heldAs struct {
	chain.HoldState
	known bool
}

func (s *Store) holdInMemory(k idKey) (heldAs, bool) {
	h, ok := s.active.holds[k]
	if !ok && s.frozen != nil {
		h, ok = s.frozen.holds[k]
	}
	return heldAs{h, ok}, ok
}

// holdOnDisk looks among the open holds first: one that ends in between is then
// found among the others.
func holdOnDisk(r pebble.Reader, k idKey) (heldAs, error) {
	for _, table := range []byte{openHoldTable, endedHoldTable} {
		row, err := get(r, k.inTable(table))
		if err != nil {
			return heldAs{}, err
		}
		if row != nil {
			h, err := decodeHold(row)
			return heldAs{h, true}, err
		}
	}
	return heldAs{}, nil
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
	h, err := lookup(s, token,
		func(h *Head) (heldAs, bool) { return s.holdInMemory(idKey{h.Number, id}) },
		func(r pebble.Reader, contract uint32) (heldAs, error) { return holdOnDisk(r, idKey{contract, id}) })
	if err == nil && !h.known {
		err = fmt.Errorf("%w: no hold %s", chain.NotFound, id)
	}
	return h.HoldState, err
}

// loadHolds fills the queue and the index from disk.
func (h *Head) loadHolds(r pebble.Reader) error {
	return scan(r, tableKey(openHoldTable, h.Number), func(key, row []byte) error {
		state, err := decodeHold(row)
		if err == nil {
			h.queueHold(chain.ID(key[5:]), state)
		}
		return err
	})
}
