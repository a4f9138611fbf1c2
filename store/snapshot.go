package store

import (
	"context"
	"errors"
	"io/fs"

	"github.com/bpsc/bpsc/store/engine"
)

// Snapshot writes the state, as it is at the time of the call or later,
// into the new folder dir: hard links to Pebble's immutable files, so its cost
// does not grow with the chain. It also makes the store itself durable up to
// that point, so that the log before it may be dropped. Update goes on
// meanwhile.
func (s *Store) Snapshot(ctx context.Context, dir string) error {
	s.using.RLock()
	defer s.using.RUnlock()
	db, err := s.settle(ctx)
	if err == nil {
		err = db.Flush()
	}
	if err != nil {
		return err
	}
	if err := s.cfg.FS.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // Pebble makes the folder; an empty one may stand there
	}
	return db.Checkpoint(dir)
}

// Restore replaces the state by a snapshot, which it checks first: on an
// error the state is what it was. It must not run beside Update. A Snapshot or
// a Sync that is under way ends before.
func (s *Store) Restore(dir string) error {
	s.using.Lock()
	defer s.using.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.idle(); err != nil {
		return err
	}
	name, err := s.folder.Adopt(dir, s.dbName)
	if err != nil {
		return err
	}
	s.closeSinking()
	old, oldName, oldIDs, waiting := s.db, s.dbName, s.ids, s.heads
	if err := s.use(name); err != nil {
		return errors.Join(err, s.folder.Remove(name))
	}
	if err := s.folder.SetCurrent(name); err != nil {
		oldIDs.Close()
		return errors.Join(s.fail(err), old.Close()) // which of the two is in use is not known any more
	}
	for _, h := range waiting {
		close(h.produced) // look again: the chain may be longer now
		close(h.more)
	}
	close(s.policed)
	s.policed = make(chan struct{})
	oldIDs.Close()
	return errors.Join(old.Close(), s.folder.Remove(oldName))
}

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
func (s *Store) settle(ctx context.Context) (*engine.DB, error) {
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
