package stream

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/bpsc/bpsc/api/admission"
	"github.com/bpsc/bpsc/chain"
)

// Source yields those of the blocks from…from+limit-1 that exist, oldest first, as the
// Reader of package api does.
type Source func(from, limit uint64, yield func(index uint64, canonical []byte) error) error

// Blocks yields the blocks from…end-1 of a source, a run at a time, and reads the next run
// while yield sends the one before, where there is room for it in memory and a place among
// those that read ahead. It fails where one is not there.
func Blocks(ctx context.Context, memory *admission.Memory, ahead admission.Places, blocks Source, from, end uint64, yield func(index uint64, canonical []byte) error) error {
	parts := newRuns(memory, ahead, blocks, from, end)
	defer parts.close()
	for patience := admission.FirstPatience; parts.next < end; patience = admission.NextPatience {
		part, err := parts.take(ctx, patience)
		if err != nil {
			return err
		}
		for i := 0; i < len(part.blocks) && err == nil; i++ {
			err = yield(part.from+uint64(i), part.blocks[i])
		}
		if err = cmp.Or(err, part.ended); err != nil {
			return err
		}
	}
	return nil
}

// run is some blocks one after another, read at a time, so that nothing in the store is
// kept open for a client that is slow.
type run struct {
	from    uint64
	blocks  [][]byte
	size    int
	ended   error  // why there are no more, which may come behind some
	release func() // gives back the room that it has in memory
}

var errRunFull = errors.New("the run is full")

// read reads what begins at from, and no block from end on. It fails where there is none.
func (r *run) read(blocks Source, from, end uint64) error {
	clear(r.blocks)
	r.from, r.blocks, r.size = from, r.blocks[:0], 0
	r.ended = blocks(from, min(runBlocks, end-from), func(_ uint64, canonical []byte) error {
		r.blocks = append(r.blocks, canonical)
		if r.size += len(canonical); r.size >= runBytes {
			return errRunFull
		}
		return nil
	})
	if errors.Is(r.ended, errRunFull) {
		r.ended = nil
	}
	if len(r.blocks) > 0 {
		return nil
	}
	return cmp.Or(r.ended, error(chain.NotFound))
}

// runs reads a part of a chain run by run, and the next one while its caller sends the one
// before, where there is a place and room for it at once: who has a run never waits for room
// for a second one, so no two clients wait for each other.
//
// Its caller owns it, but for ahead, which is a goroutine's from readAhead until it has said
// that it is done.
type runs struct {
	memory *admission.Memory
	places admission.Places // of streams that may read ahead
	leave  func()           // leaves the place; nil without one
	blocks Source
	next   uint64 // behind what was taken
	end    uint64 // behind what was asked for

	sent, ahead *run
	reading     bool      // ahead is being read, or was and was not taken
	done        chan bool // whether there is a run in ahead, with room for it
}

func newRuns(memory *admission.Memory, places admission.Places, blocks Source, from, end uint64) *runs {
	return &runs{memory: memory, places: places, blocks: blocks, next: from, end: end, sent: &run{}, ahead: &run{}, done: make(chan bool, 1)}
}

// take gives back the run before and returns the next one, which is its caller's until then.
func (r *runs) take(ctx context.Context, patience time.Duration) (*run, error) {
	r.giveBack()
	if r.reading {
		r.sent, r.ahead = r.ahead, r.sent
		r.reading = false
		if <-r.done {
			return r.readAhead(), nil
		}
		r.giveBack()
	}
	release, err := r.memory.Hold(ctx, patience, func() (int, error) {
		err := r.sent.read(r.blocks, r.next, r.end)
		return r.sent.size, err
	})
	if err != nil {
		return nil, err
	}
	r.sent.release = release
	return r.readAhead(), nil
}

// readAhead begins to read what is behind the run that is about to be sent, which it returns.
func (r *runs) readAhead() *run {
	r.next += uint64(len(r.sent.blocks))
	if r.next >= r.end || r.sent.ended != nil {
		return r.sent
	}
	if r.leave == nil {
		leave, ok := r.places.Enter()
		if !ok {
			return r.sent
		}
		r.leave = leave
	}
	release, ok := r.memory.Try(runBytes)
	if !ok {
		return r.sent
	}
	r.reading, r.ahead.release = true, release
	go func(ahead *run, from uint64) {
		r.done <- ahead.read(r.blocks, from, r.end) == nil && r.fits(ahead)
	}(r.ahead, r.next)
	return r.sent
}

// fits keeps room for a run that is larger than others, if there is any. What does not fit, or
// is not there, is read again when its turn comes.
func (r *runs) fits(ahead *run) bool {
	if ahead.size <= runBytes {
		return true
	}
	more, ok := r.memory.Try(ahead.size - runBytes)
	if usual := ahead.release; ok {
		ahead.release = func() { more(); usual() }
	}
	return ok
}

// close waits for what is being read, and gives everything back.
func (r *runs) close() {
	r.giveBack()
	if r.reading {
		<-r.done
		r.sent, r.ahead = r.ahead, r.sent
		r.giveBack()
	}
	if r.leave != nil {
		r.leave()
	}
}

func (r *runs) giveBack() {
	if release := r.sent.release; release != nil {
		clear(r.sent.blocks)
		r.sent.release = nil
		release()
	}
}
