package store

import (
	"context"
	"errors"
	"time"
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
			a := s.alarm
			s.mu.RUnlock()
			a.raise(err)
		}
		if err != nil {
			return // closed or damaged, which has been reported
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

// scrubRun reads some rows from a key on, whole blocks among them, and returns
// where to go on; nil at the end. Between two runs nothing is held.
func (s *Store) scrubRun(from []byte) (next []byte, read int, err error) {
	s.using.RLock()
	defer s.using.RUnlock()
	s.mu.RLock()
	db, err := s.db, s.failed
	s.mu.RUnlock()
	if err != nil {
		return nil, 0, err
	}
	next, read, err = checkRows(db, from, scrubRunBytes)
	if err != nil {
		s.alarm.raise(err)
	}
	return next, read, err
}
