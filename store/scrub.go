package store

import (
	"context"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Scrub reads everything on disk over and over, at most bytesPerSecond, until
// ctx ends: what rots is found by the member itself before anybody needs it.
// Damage goes to Config.Fatal. pause is the time between two passes.
func (s *Store) Scrub(ctx context.Context, bytesPerSecond int, pause time.Duration) {
	var from []byte
	for ctx.Err() == nil {
		began := time.Now()
		var next []byte
		var read int
		err := caught(func() (err error) {
			next, read, err = s.scrubRun(from)
			return err
		})
		if errors.Is(err, errCorrupt) {
			s.mu.RLock()
			bell := s.alarm
			s.mu.RUnlock()
			bell.raise(err)
		}
		if err != nil {
			return // closed or damaged, and whoever has to know does
		}
		wait := pause
		if from = next; from != nil {
			wait = time.Duration(read)*time.Second/time.Duration(bytesPerSecond) - time.Since(began)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// scrubRun reads some rows from a key on, and returns where to go on; nil at
// the end. Between two runs nothing is held.
func (s *Store) scrubRun(from []byte) (next []byte, read int, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.failed != nil {
		return nil, 0, s.failed
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from})
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = it.Close() }() // its errors were those of Error
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err == nil && it.Key()[0] == blockTable {
			_, _, err = decodeBlock(value)
		}
		if err != nil {
			s.alarm.raise(err)
			return nil, read, err
		}
		if read += len(it.Key()) + len(value); read >= scrubRunBytes {
			return append(append([]byte(nil), it.Key()...), 0), read, nil
		}
	}
	if err := it.Error(); err != nil {
		s.alarm.raise(err)
		return nil, read, err
	}
	return nil, read, nil
}
