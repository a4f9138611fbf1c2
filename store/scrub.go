package store

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/engine"
)

// Scrub reads everything on disk over and over, at most bytesPerSecond, until
// ctx ends: what rots is found by the member itself before anybody needs it.
// Damage goes to Config.Fatal. pause is the time between two passes.
func (s *Store) Scrub(ctx context.Context, bytesPerSecond int, pause time.Duration) {
	for ctx.Err() == nil {
		err := engine.Caught(func() error { return s.scrubAll(ctx, bytesPerSecond) })
		if engine.IsCorrupt(err) {
			s.mu.RLock()
			db := s.db
			s.mu.RUnlock()
			db.Report(err)
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
	tables, err := s.tables()
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := paced(func() (int, error) { return s.scrubTable(ctx, t.Name) }); err != nil {
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
	err = s.onDisk(func(db *engine.DB) error {
		next, read, err = blocks.CheckRows(db, from, scrubRunBytes)
		if err != nil {
			db.Report(err)
		}
		return err
	})
	return next, read, err
}

// tables lists those of the database in use.
func (s *Store) tables() (tables []engine.Table, err error) {
	err = s.onDisk(func(db *engine.DB) (err error) {
		tables, err = db.Tables()
		return err
	})
	return tables, err
}

// scrubTable checks a table. One that is gone has been compacted meanwhile, and where there
// are no descriptors left it is looked at in the next pass.
func (s *Store) scrubTable(ctx context.Context, name string) (read int, err error) {
	err = s.onDisk(func(db *engine.DB) (err error) {
		read, err = db.CheckTable(ctx, name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			return nil
		}
		if err != nil {
			db.Report(err)
		}
		return err
	})
	return read, err
}

// onDisk has the database read while nobody closes or replaces it.
func (s *Store) onDisk(read func(db *engine.DB) error) error {
	s.using.RLock()
	defer s.using.RUnlock()
	s.mu.RLock()
	db, err := s.db, s.failed
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	return read(db)
}
