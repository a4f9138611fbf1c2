package store

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// What the layers know, and what Pebble knows. Update looks at both while it
// holds the store. Everybody else looks at the layers while he holds it, and
// then, holding nothing that Update needs, at Pebble: what was in no layer at a
// moment is in Pebble from then on, as it was or newer.

// lookup answers a question about a chain. memory is asked while the store is
// held; where it does not know, disk.
func lookup[T any](s *Store, token string, memory func(h *Head) (T, bool), disk func(r pebble.Reader, contract uint32) (T, error)) (T, error) {
	s.using.RLock()
	defer s.using.RUnlock()
	s.mu.RLock()
	h, err := s.head(token)
	if err != nil {
		s.mu.RUnlock()
		var none T
		return none, err
	}
	v, known := memory(h)
	db, contract := s.db, h.Number
	s.mu.RUnlock()
	if known {
		return v, nil
	}
	v, err = disk(db, contract)
	return v, s.noticed(err)
}

// noticed hands damage to whoever ends the process. The caller holds using.
func (s *Store) noticed(err error) error {
	if errors.Is(err, errCorrupt) {
		s.alarm.raise(err)
	}
	return err
}
