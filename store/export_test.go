package store

import "github.com/cockroachdb/pebble/v2"

// Metrics is what the database in use counts.
func (s *Store) Metrics() *pebble.Metrics { return s.db.Metrics() }
