package store

import (
	"context"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Scrub reads everything on disk over and over, at most bytesPerSecond, until
// ctx ends: what rots is found by the member itself before anybody needs it.
// Damage goes to Config.Fatal. pause is the time between two passes.
func (s *Store) Scrub(ctx context.Context, bytesPerSecond int, pause time.Duration) {
	for ctx.Err() == nil {
		err := caught(func() error { return s.scrubAll(ctx, bytesPerSecond) })
		if isCorrupt(err) {
			s.mu.RLock()
			a := s.alarm
			s.mu.RUnlock()
			a.raise(err)
		}
		if err != nil {
			return // closed or damaged, which has been reported, or ctx has ended
		}
		_ = rest(ctx, pause)
	}
}

// scrubAll is one pass: the rows, and then what of the tables no scan of rows reads.
func (s *Store) scrubAll(ctx context.Context, bytesPerSecond int) error {
	paced := func(run func() (read int, err error)) error {
		began := time.Now()
		read, err := run()
		if err != nil {
			return err
		}
		return rest(ctx, time.Duration(read)*time.Second/time.Duration(bytesPerSecond)-time.Since(began))
	}
	for from, begun := []byte(nil), false; from != nil || !begun; begun = true {
		if err := paced(func() (read int, err error) {
			from, read, err = s.scrubRun(from)
			return read, err
		}); err != nil {
			return err
		}
	}
	names, err := s.tables()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := paced(func() (int, error) { return s.scrubTable(ctx, name) }); err != nil {
			return err
		}
	}
	return nil
}

// rest waits, but not past the end of ctx, which is an error.
func rest(ctx context.Context, wait time.Duration) error {
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
	return ctx.Err()
}

// scrubRun reads some rows from a key on, whole blocks among them, and returns
// where to go on; nil at the end. Between two runs nothing is held.
func (s *Store) scrubRun(from []byte) (next []byte, read int, err error) {
	err = s.onDisk(func(db *pebble.DB, _ string) error {
		next, read, err = checkRows(db, from, scrubRunBytes)
		if err != nil {
			s.alarm.raise(err)
		}
		return err
	})
	return next, read, err
}

// onDisk has the database read, and tells its folder, while nobody closes or replaces it.
func (s *Store) onDisk(read func(db *pebble.DB, dir string) error) error {
	s.using.RLock()
	defer s.using.RUnlock()
	s.mu.RLock()
	db, dir, err := s.db, s.folder.path(s.dbName), s.failed
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	return read(db, dir)
}
