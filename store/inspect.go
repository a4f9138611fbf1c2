package store

import (
	"errors"

	"github.com/bpsc/bpsc/chain"
)

// What an auditor reads of a store that nobody has written to since it was
// opened: all of it is in Pebble then, so it can be read in order.

var errInUse = errors.New("the state store is in use: its accounts and holds can be listed after Open only")

// Accounts calls yield for every account of a chain, in the order of names.
func (s *Store) Accounts(token string, yield func(name string, a chain.Account) error) error {
	return s.rows(token, []byte{accountTable}, func(key, row []byte) error {
		a, err := decodeAccount(row)
		if err != nil {
			return err
		}
		return yield(string(key), a)
	})
}

// Holds calls yield for every hold of a chain, the open ones first, in the order
// of ids.
func (s *Store) Holds(token string, yield func(id chain.ID, h chain.HoldState) error) error {
	return s.rows(token, []byte{openHoldTable, endedHoldTable}, func(key, row []byte) error {
		h, err := decodeHold(row)
		if err != nil {
			return err
		}
		if len(key) != len(chain.ID{}) {
			return errCorrupt
		}
		return yield(chain.ID(key), h)
	})
}

// Pending returns the records of a chain that no block holds yet.
func (s *Store) Pending(token string) ([]chain.Record, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return nil, err
	}
	records := make([]chain.Record, h.Pending.Count())
	for i := range records {
		if records[i], err = chain.DecodeRecord(h.Pending.Record(i), h.Contract.Decimals); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// rows reads tables of a chain. key is what stands behind the contract's number.
func (s *Store) rows(token string, tables []byte, yield func(key, row []byte) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return err
	}
	if s.active.bytes > 0 || len(s.active.rows) > 0 || s.frozen != nil {
		return errInUse
	}
	for _, table := range tables {
		prefix := tableKey(table, h.Number)
		err := scan(s.db, prefix, func(key, row []byte) error { return yield(key[len(prefix):], row) })
		if err != nil {
			return err
		}
	}
	return nil
}
