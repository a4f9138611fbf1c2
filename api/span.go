package api

import (
	"errors"
	"math"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

// span is the part of a chain a request asks for: from is 1 and limit 0, which
// is all, where it says nothing.
type span struct{ from, limit uint64 }

func querySpan(c *gin.Context, most uint64) (sp span, err error) {
	if sp.from, err = queryUint(c, "from", 1, math.MaxInt64); err != nil {
		return sp, err
	}
	sp.limit, err = queryUint(c, "limit", 0, most)
	return sp, err
}

// source yields blocks as Reader.Blocks does.
type source func(from, limit uint64, yield func(index uint64, canonical []byte) error) error

// blocksOf is a chain as it stands in info.
func (s *server) blocksOf(info *chain.Info) source {
	token := info.Contract.Token
	return func(from, limit uint64, yield func(uint64, []byte) error) error {
		return s.read.Blocks(token, from, limit, yield)
	}
}

// each yields the part of a chain of that length and no block beyond: an answer
// holds what its length and its tag say, though the chain grows meanwhile. One run
// of blocks is held at a time.
func (s *server) each(c *gin.Context, sp span, length uint64, blocks source, yield func(index uint64, canonical []byte) error) error {
	end := length + 1
	if sp.limit > 0 && sp.from < end {
		end = min(end, sp.from+min(sp.limit, length))
	}
	r := run{source: blocks, next: sp.from, blocks: make([][]byte, 0, min(runBlocks, end-min(sp.from, end)))}
	for patience := firstPatience; r.next < end; patience = nextPatience {
		release, err := s.answers.hold(c.Request.Context(), patience, func() (int, error) { return r.read(end) })
		if err != nil {
			return err
		}
		err = r.yield(yield)
		release()
		if err != nil {
			return err
		}
	}
	return nil
}

// run is some blocks of a chain, one after the other: as many as are read at a
// time.
type run struct {
	source source
	next   uint64 // the block that is read next
	blocks [][]byte
	broken error // why there are no more
}

var errRunFull = errors.New("the run is full")

// read reads the next run, of which there may be the beginning before an error.
func (r *run) read(end uint64) (size int, err error) {
	err = r.source(r.next, min(runBlocks, end-r.next), func(_ uint64, canonical []byte) error {
		r.blocks = append(r.blocks, canonical)
		if size += len(canonical); size >= runBytes {
			return errRunFull
		}
		return nil
	})
	switch {
	case errors.Is(err, errRunFull):
		err = nil
	case err == nil && len(r.blocks) == 0:
		err = chain.NotFound
	}
	if len(r.blocks) == 0 {
		return 0, err
	}
	r.broken = err
	return size, nil
}

// yield passes the run on and lets go of it.
func (r *run) yield(yield func(index uint64, canonical []byte) error) error {
	defer func() {
		clear(r.blocks)
		r.blocks = r.blocks[:0]
	}()
	for _, canonical := range r.blocks {
		if err := yield(r.next, canonical); err != nil {
			return err
		}
		r.next++
	}
	return r.broken
}
