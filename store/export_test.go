package store

import "github.com/cockroachdb/pebble/v2"

// AwaitFilter waits until the filter of ids is whole.
func (s *Store) AwaitFilter() { <-s.ids.Filled() }

// Metrics is what the database in use counts.
func (s *Store) Metrics() *pebble.Metrics { return s.db.Metrics() }
