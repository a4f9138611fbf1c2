package store

import (
	"context"
	"errors"
	"io/fs"
)

// Checkpoint writes the state, as it is at the time of the call or later,
// into the new folder dir: hard links to Pebble's immutable files, so its cost
// does not grow with the chain. It also makes the store itself durable up to
// that point, so that the log before it may be dropped. Update goes on
// meanwhile.
func (s *Store) Checkpoint(ctx context.Context, dir string) error {
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

// Restore replaces the state by a checkpoint, which it checks first: on an
// error the state is what it was. It must not run beside Update. A Checkpoint or
// a Sync that is under way ends before.
func (s *Store) Restore(dir string) error {
	s.using.Lock()
	defer s.using.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.failed == nil && s.frozen != nil {
		s.settled.Wait()
	}
	if s.failed != nil {
		return s.failed
	}
	name, err := s.folder.adopt(dir, s.dbName)
	if err != nil {
		return err
	}
	old, oldName, oldIDs, waiting := s.db, s.dbName, s.ids, s.heads
	if err := s.use(name); err != nil {
		return errors.Join(err, s.folder.disk.RemoveAll(s.folder.path(name)))
	}
	if err := s.folder.setCurrent(name); err != nil {
		oldIDs.close()
		return errors.Join(s.fail(err), old.Close()) // which of the two is in use is not known any more
	}
	for _, h := range waiting {
		close(h.produced) // look again: the chain may be longer now
		close(h.more)
	}
	oldIDs.close()
	return errors.Join(old.Close(), s.folder.disk.RemoveAll(s.folder.path(oldName)))
}
