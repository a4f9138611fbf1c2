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
	s, ok, err := tx.s.hold(idKey{h.Number, id})
	tx.note(err)
	return s, ok
}

// SetHold opens a hold or ends one.
func (tx *Tx) SetHold(h *Head, id chain.ID, s chain.HoldState) {
	tx.s.active.setHold(idKey{h.Number, id}, s)
	h.holds.Set(id, s)
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
			h.holds.Set(chain.ID(key[5:]), state)
		}
		return err
	})
}
