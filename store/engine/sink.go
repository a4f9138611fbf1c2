package engine

import "context"

// Sinking takes files down to Pebble's last level.
type Sinking struct {
	stop context.CancelFunc
	done chan struct{}
}

// Sink begins to take down the files of rows that come in order, behind all others of theirs:
// tables are the first bytes of their keys. They belong there, since nothing lies over them or
// ever will. Pebble leaves them at the top, because it takes down the keys over which many files
// lie. Left there they would come to thousands, and from filesToMerge on Pebble would merge all
// else with each flush in order to have fewer. Where there are few still it does nothing.
//
// Whoever closes db stops it first.
func (db *DB) Sink(tables []byte) *Sinking {
	ctx, cancel := context.WithCancel(context.Background())
	k := &Sinking{stop: cancel, done: make(chan struct{})}
	go k.run(ctx, db, tables)
	return k
}

// run has each stretch of the keys that has files of its own merged by itself: a merge takes
// in all from its first file to its last. What fails, as on a full disk, Pebble reports
// itself (see Open), and the next Sink does it.
func (k *Sinking) run(ctx context.Context, db *DB, tables []byte) {
	defer close(k.done)
	if db.Metrics().Levels[0].TablesCount < filesToSink {
		return
	}
	for _, table := range tables {
		for first := []byte{table}; len(first) > 0 && first[0] == table; {
			end := db.cfg.FileEnd(first)
			if db.Compact(ctx, first, end, false) != nil {
				return
			}
			first = end
		}
	}
}

// Done is closed when it has ended.
func (k *Sinking) Done() <-chan struct{} { return k.done }

// Stop ends it and waits for that.
func (k *Sinking) Stop() {
	k.stop()
	<-k.done
}
