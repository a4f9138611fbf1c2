// Package filter knows which ids have surely not been decided. Almost every id that comes is
// new, and to learn that from the layers and Pebble costs a look at each of its levels, more
// than all else that a transfer costs.
package filter

import (
	"context"
	"iter"

	"github.com/bpsc/bpsc/store/keys"
)

// Filter is of all ids that a database has, and of those that were added since. It is filled
// beside all else, and until then it knows nothing. When it has become small, one of twice the
// size is filled beside it.
//
// Nobody calls Add, Grow or Close beside another call of it.
type Filter struct {
	size   Size
	all    Source
	now    *bloom
	larger *bloom // that is to take its place; nil: it is large enough
}

// Size bounds a filter, in bytes; both are multiples of 64.
type Size struct {
	Least, Most int
}

// of is how large a filter is to be for so many ids.
func (s Size) of(ids uint64) (bytes int) {
	bytes = s.Least
	for 2*bytes <= s.Most && uint64(bytes/8)*idsAWord < ids {
		bytes *= 2
	}
	return bytes
}

// Source calls add for every id that is in the database, until ctx ends.
type Source func(ctx context.Context, add func(id keys.ID)) error

// New returns a filter for about so many ids, which is being filled. It keeps reading from all
// until that is done, or Close.
func New(size Size, ids uint64, all Source) *Filter {
	return &Filter{size: size, all: all, now: newBloom(size.of(ids), all)}
}

// Lacks tells that an id has surely not been decided.
func (f *Filter) Lacks(id *keys.ID) bool { return f.now.lacks(id) }

// Peek reads from where an id is looked for.
func (f *Filter) Peek(id *keys.ID) uint64 { return f.now.peek(id) }

// Add puts in a new id.
func (f *Filter) Add(id *keys.ID) {
	for _, b := range [...]*bloom{f.now, f.larger} {
		if b != nil {
			b.add(id)
			b.added++
		}
	}
}

// Grow has a larger filter filled where the one in use has become small, and puts it in its
// place once it is whole. What is recent may come into the database behind the back of who
// reads that; all else is in there, or still to be added.
func (f *Filter) Grow(recent iter.Seq[keys.ID]) {
	if f.larger == nil {
		if !f.now.ready.Load() {
			return
		}
		if size := f.size.of(f.now.filled + f.now.added); size > f.Bytes() {
			f.larger = newBloom(size, f.all)
			for id := range recent {
				f.larger.add(&id)
			}
		}
		return
	}
	if f.larger.ready.Load() {
		f.now.close()
		f.now, f.larger = f.larger, nil
	}
}

// Bytes is how large it is.
func (f *Filter) Bytes() int { return 8 * len(f.now.words) }

// Filled is closed when nothing is being filled any more.
func (f *Filter) Filled() <-chan struct{} {
	if f.larger != nil {
		return f.larger.done
	}
	return f.now.done
}

// Close ends the filling.
func (f *Filter) Close() {
	f.now.close()
	if f.larger != nil {
		f.larger.close()
		f.larger = nil
	}
}
