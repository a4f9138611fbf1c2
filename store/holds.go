package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/history"
	"github.com/bpsc/bpsc/store/holds"
	"github.com/bpsc/bpsc/store/keys"
)

// Holds are the open holds of h. Only SetHold changes them.
func (h *Head) Holds() *holds.Queue { return &h.holds }

// Hold returns what is known of a hold.
func (tx *Tx) Hold(h *Head, id chain.ID) (chain.HoldState, bool) {
	k := keys.ID{Contract: h.Number, ID: id}
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
	s.Sender, s.Recipient = strings.Clone(s.Sender), strings.Clone(s.Recipient) // of the request's memory
	row := hold{HoldState: s}
	if s.Ended != "" {
		row.EndedIn = h.Index + 1
	}
	tx.s.active.setHold(keys.ID{Contract: h.Number, ID: id}, row)
	h.queueHold(id, s)
}

// queueHold keeps what is derived from the open holds.
func (h *Head) queueHold(id chain.ID, s chain.HoldState) {
	h.holds.Set(id, s)
	h.parties.Set(id, s)
}

// hold is what a row has of a hold.
type hold struct {
	chain.HoldState
	// EndedIn is the block that has the record which ended it, or will. It is 0 in
	// rows from before it was noted; Searched is then the place up to which the
	// record has been looked for.
	EndedIn  uint64        `json:",omitzero"`
	Searched history.Place `json:",omitzero"`
}

func (l *layer) setHold(k keys.ID, h hold) {
	if _, known := l.holds[k]; !known {
		l.bytes += holdCost
	}
	l.holds[k] = h
}

// heldAs is a hold, or that there is none.
type heldAs struct {
	hold
	known bool
}

func (s *Store) holdInMemory(k keys.ID) (heldAs, bool) {
	h, ok := s.active.holds[k]
	if !ok && s.frozen != nil {
		h, ok = s.frozen.holds[k]
	}
	return heldAs{h, ok}, ok
}

// holdOnDisk looks among the open holds first: one that ends in between is then
// found among the others.
func holdOnDisk(r pebble.Reader, k keys.ID) (heldAs, error) {
	for _, table := range []byte{keys.OpenHoldTable, keys.EndedHoldTable} {
		row, err := engine.Get(r, k.In(table))
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

func decodeHold(row []byte) (h hold, err error) {
	if err := json.Unmarshal(row, &h); err != nil {
		return h, fmt.Errorf("%w: hold: %w", engine.ErrCorrupt, err)
	}
	return h, nil
}

// Hold returns what is known of a hold.
func (s *Store) Hold(token string, id chain.ID) (chain.HoldState, error) {
	h, err := s.held(token, id)
	return h.HoldState, err
}

func (s *Store) held(token string, id chain.ID) (hold, error) {
	h, err := lookup(s, token,
		func(h *Head) (heldAs, bool) { return s.holdInMemory(keys.ID{Contract: h.Number, ID: id}) },
		func(r pebble.Reader, contract uint32) (heldAs, error) {
			return holdOnDisk(r, keys.ID{Contract: contract, ID: id})
		})
	if err == nil && !h.known {
		err = fmt.Errorf("%w: no hold %s", chain.NotFound, id)
	}
	return h.hold, err
}

// loadHolds fills the queue and the index from disk.
func (h *Head) loadHolds(r pebble.Reader) error {
	return engine.Scan(r, keys.Prefix(keys.OpenHoldTable, h.Number), func(key, row []byte) error {
		state, err := decodeHold(row)
		if err == nil {
			h.queueHold(chain.ID(key[5:]), state.HoldState)
		}
		return err
	})
}

// OpenHolds lists the open holds of an account. It fails with chain.ErrBeyond
// where the hold that it is to go on after is not known here.
func (s *Store) OpenHolds(token string, q chain.HoldQuery) (chain.HoldPage, error) {
	after := chain.OpenHold{ID: q.After}
	if !q.After.IsZero() {
		at, err := s.Hold(token, q.After)
		if errors.Is(err, chain.NotFound) {
			err = fmt.Errorf("%w: no hold %s", chain.ErrBeyond, q.After)
		}
		if err != nil {
			return chain.HoldPage{}, err
		}
		after.Until = at.Until // what it was before it ended, too
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return chain.HoldPage{}, err
	}
	return h.parties.Page(&q, after), nil
}
