package store

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
)

// orderedTables are those whose new rows come behind all others of their chain.
var orderedTables = [...]byte{blockTable, digestTable, nodeTable}

// sinking takes files of rows that come in order down to Pebble's last level. They belong
// there, since nothing lies over them or ever will. Pebble leaves them at the top, because it
// takes down the keys over which many files lie. Left there they would come to thousands, and
// from filesToMerge on Pebble would merge all else with each flush in order to have fewer.
//
// It takes no lock of the store. Whoever closes db ends it first.
type sinking struct {
	stop context.CancelFunc
	done chan struct{}
}

// sink begins to take down what flushes have left, where that is enough and the one before
// is not still about it.
// The caller holds mu.
func (s *Store) sink() {
	if s.sinking != nil {
		select {
		case <-s.sinking.done:
		default:
			return
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.sinking = &sinking{stop: cancel, done: make(chan struct{})}
	go s.sinking.run(ctx, s.db, &s.files)
}

// run has each stretch of the keys that has files of its own merged by itself: a merge takes
// in all from its first file to its last. What fails, as on a full disk, Pebble reports
// itself (see openDB), and the next sinking does it.
func (k *sinking) run(ctx context.Context, db *pebble.DB, files *division) {
	defer close(k.done)
	if db.Metrics().Levels[0].TablesCount < filesToSink {
		return
	}
	for _, table := range orderedTables {
		for first := []byte{table}; first[0] == table; {
			_, end, err := files.after(first)
			if err != nil || db.Compact(ctx, first, end, false) != nil {
				return
			}
			first = end
		}
	}
}

// closeSinking ends it and waits for that. The caller holds mu.
func (s *Store) closeSinking() {
	if s.sinking != nil {
		s.sinking.stop()
		<-s.sinking.done
		s.sinking = nil
	}
}
