package api

import (
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
// holds what its length and its tag say, though the chain grows meanwhile.
func (sp span) each(length uint64, blocks source, yield func(index uint64, canonical []byte) error) error {
	if sp.from > length {
		return nil
	}
	count := length - sp.from + 1
	if sp.limit > 0 {
		count = min(count, sp.limit)
	}
	return blocks(sp.from, count, yield)
}
