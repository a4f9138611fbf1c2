package store

import (
	"context"
	"encoding/binary"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// idFilter knows which ids have surely not been decided. Almost every id that
// comes is new, and to learn that from the layers and Pebble costs a look at
// each of its levels, more than all else that a transfer costs.
//
// It is a blocked Bloom filter (Putze, Sanders, Singler 2007) with one 64-bit
// word a key. Ids are SHA-256 values, so their own bits serve as the hashes.
//
// Bits are only ever set, by fill, which runs beside all else, and by Update; all use
// of words is atomic. ready is set once fill has put in the whole database, so that
// with what Update puts in nothing is missing. stop and done are close's.
type idFilter struct {
	words   []uint64
	ready   atomic.Bool // all ids of the database are in; new ones go in as they are decided
	filled  uint64      // ids that fill has put in, refused ones too; it stands once ready is set
	decided uint64      // ids that Update has put in; the store's mu guards it
	stop    context.CancelFunc
	done    chan struct{}
}

// newIDFilter returns a filter of so many bytes that is being filled with what db
// holds. It keeps reading from db until done or stopped.
func newIDFilter(db *pebble.DB, bytes int) *idFilter {
	ctx, cancel := context.WithCancel(context.Background())
	f := &idFilter{words: make([]uint64, bytes/8), stop: cancel, done: make(chan struct{})}
	go f.fill(ctx, db)
	return f
}

// close ends the filling and waits for it.
func (f *idFilter) close() {
	f.stop()
	<-f.done
}

func (f *idFilter) fill(ctx context.Context, db *pebble.DB) {
	defer close(f.done)
	err := scanRange(db, []byte{idTable}, []byte{epochIDTable + 1}, func(key, _ []byte) error {
		id, err := idOf(key)
		if err != nil {
			return err
		}
		f.add(id)
		f.filled++
		return ctx.Err()
	})
	// Without the whole of it the filter stays out of use: slower, not wrong.
	// An error of the disk has been reported by Pebble itself, and a row that no
	// member has put there is found by whoever reads it.
	f.ready.Store(err == nil)
}

// place returns the word and the four bits in it that stand for a key.
func (f *idFilter) place(k idKey) (word *uint64, mask uint64) {
	h := binary.LittleEndian.Uint64(k.id[:8]) ^ uint64(k.contract)*0x9e3779b97f4a7c15
	bits := binary.LittleEndian.Uint32(k.id[8:])
	for range 4 {
		mask |= 1 << (bits & 63)
		bits >>= 6
	}
	return &f.words[h%uint64(len(f.words))], mask
}

func (f *idFilter) add(k idKey) {
	word, mask := f.place(k)
	atomic.OrUint64(word, mask)
}

// lacks tells that k has surely not been decided: every id in the database, and
// every one decided since, is in the filter.
func (f *idFilter) lacks(k idKey) bool {
	if !f.ready.Load() {
		return false
	}
	word, mask := f.place(k)
	return atomic.LoadUint64(word)&mask != mask
}
