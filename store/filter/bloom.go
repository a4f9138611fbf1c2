package filter

import (
	"context"
	"encoding/binary"
	"sync/atomic"

	"github.com/bpsc/bpsc/store/keys"
)

// bloom is a blocked Bloom filter (Putze, Sanders, Singler 2007): a key has one bit in each
// word of a line of the processor's cache, so that most looks take one way to memory. Ids are
// SHA-256 values, so their own bits serve as the hashes. With 20 ids a line one new id in 16,000
// passes for known, with 40 one in 300; with one word a key and as many ids it was one in 100,
// and each costs a look in every epoch.
//
// Bits are only ever set, by fill, which runs beside all else, and by Filter.Add; all use
// of words is atomic. ready is set once fill has put in the whole database, so that
// with what Add puts in nothing is missing. stop and done are close's.
type bloom struct {
	words  []uint64
	ready  atomic.Bool // all ids of the database are in; new ones go in as they are decided
	filled uint64      // ids that fill has put in, refused ones too; it stands once ready is set
	added  uint64      // ids that Add has put in
	stop   context.CancelFunc
	done   chan struct{}
}

// idsAWord is for how many ids each word has room: one new id in 300 at most passes for known
// then.
const idsAWord = 5

// lineWords is how many words a line of the processor's cache has.
const lineWords = 8

// newBloom returns a filter of so many bytes, a multiple of a line's, that is being filled.
func newBloom(bytes int, all Source) *bloom {
	ctx, cancel := context.WithCancel(context.Background())
	f := &bloom{words: make([]uint64, bytes/8), stop: cancel, done: make(chan struct{})}
	go f.fill(ctx, all)
	return f
}

// close ends the filling and waits for it.
func (f *bloom) close() {
	f.stop()
	<-f.done
}

func (f *bloom) fill(ctx context.Context, all Source) {
	defer close(f.done)
	err := all(ctx, func(id keys.ID) {
		f.add(&id)
		f.filled++
	})
	// Without the whole of it the filter stays out of use: slower, not wrong.
	// An error of the disk has been reported by Pebble itself, and a row that no
	// member has put there is found by whoever reads it.
	f.ready.Store(err == nil)
}

// line returns the words that have a bit of a key each, and which bits: six bits a word, from
// the lowest.
func (f *bloom) line(k *keys.ID) (words *[lineWords]uint64, bits uint64) {
	h := binary.LittleEndian.Uint64(k.ID[:8]) ^ uint64(k.Contract)*0x9e3779b97f4a7c15
	at := h % uint64(len(f.words)/lineWords) * lineWords
	return (*[lineWords]uint64)(f.words[at:]), binary.LittleEndian.Uint64(k.ID[8:])
}

func (f *bloom) add(k *keys.ID) {
	words, bits := f.line(k)
	for i := range words {
		atomic.OrUint64(&words[i], 1<<(bits&63))
		bits >>= 6
	}
}

// lacks tells that k has surely not been decided: every id in the database, and
// every one decided since, is in the filter.
func (f *bloom) lacks(k *keys.ID) bool {
	if !f.ready.Load() {
		return false
	}
	words, bits := f.line(k)
	for i := range words {
		if atomic.LoadUint64(&words[i])&(1<<(bits&63)) == 0 {
			return true
		}
		bits >>= 6
	}
	return false
}

// peek reads from where a key is looked for.
func (f *bloom) peek(k *keys.ID) uint64 {
	words, _ := f.line(k)
	return atomic.LoadUint64(&words[0])
}
