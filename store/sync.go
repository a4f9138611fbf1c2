package store

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
)

// Sync makes all that is applied at the time of the call durable before it
// returns. Update goes on meanwhile. With Config.Log that is one write to
// Pebble's log; without, a new table. When nothing has been applied since the
// last Sync it does nothing.
func (s *Store) Sync(ctx context.Context) error {
	s.mu.RLock()
	applied, durable, err := s.meta.Applied, s.durable, s.failed
	s.mu.RUnlock()
	if err != nil || applied == durable {
		return err
	}
	s.using.RLock()
	defer s.using.RUnlock()
	db, err := s.settle(ctx)
	if err != nil || s.cfg.Log {
		return err
	}
	if err := db.Flush(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.durable = max(s.durable, applied)
	return s.failed
}

// settle waits until the database, which it returns, has been given all that is
// applied at the time of the call.
func (s *Store) settle(ctx context.Context) (*pebble.DB, error) {
	s.mu.Lock()
	l, db := s.frozen, s.db
	if l == nil || l.applied < s.meta.Applied {
		if err := s.freeze(); err != nil {
			s.mu.Unlock()
			return nil, err
		}
		l, db = s.frozen, s.db
	}
	s.mu.Unlock()
	select {
	case <-l.flushed:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return db, s.failed
}
