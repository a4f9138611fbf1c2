package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// forgedBlock is what the tutorial tells about a new block: parts of its
// canonical text.
type forgedBlock struct {
	index        uint64
	previous     []byte // a JSON string
	transactions []byte // a JSON array
}

// mine is GET and POST /mine: it changes the ledger whatever the method says,
// so nothing may keep or prefetch it.
func (s *memberServer) mine(c *gin.Context) error {
	c.Writer.Header()[headerCache] = noStore
	contract, err := s.contractOf(c)
	if err != nil {
		return err
	}
	if !contract.OnRequest {
		return chain.OnRequestDisabled
	}
	if err := s.forging.allow(contract.Token); err != nil {
		return err
	}
	produced, err := s.produce(c, contract.Token)
	if err != nil {
		return err
	}
	s.answered.saw(produced.AppliedIndex)
	c.Writer.Header()[protocol.MinBlock] = []string{strconv.FormatUint(produced.Block, 10)}
	block, err := s.forged(c, contract.Token, produced.Block, produced.AppliedIndex)
	if err != nil {
		return &detailed{err: err, final: true, detail: fmt.Sprintf(
			"Block %d was forged; this member cannot show it yet: GET /v1/blocks/%d", produced.Block, produced.Block)}
	}
	w := s.pool.get()
	defer s.pool.put(w)
	w.out = appendForged(append(w.out, '{'), &block)
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
}

func (s *memberServer) produce(c *gin.Context, token string) (chain.Produced, error) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.WriteTimeout)
	defer cancel()
	produced, err := s.write.Produce(ctx, token)
	if err != nil {
		err = writeError(err, nil)
	}
	if errors.Is(err, outcome.Unknown) {
		// A block has no id. Asking again may forge one more, which is harmless.
		err = withDetail(err, "A block may have been forged: look at the chain before asking again")
	}
	return produced, err
}

// forged reads a block that a write has just completed, once this replica has
// applied that write.
func (s *memberServer) forged(c *gin.Context, token string, index, appliedIndex uint64) (forgedBlock, error) {
	if err := s.catchUp(c, appliedIndex); err != nil {
		return forgedBlock{}, err
	}
	canonical, _, err := s.read.Block(token, index)
	if err != nil {
		return forgedBlock{}, err
	}
	return readForged(index, canonical)
}

// catchUp waits until this replica has seen a write that was applied.
func (s *memberServer) catchUp(c *gin.Context, appliedIndex uint64) error {
	if s.read.AppliedIndex() >= appliedIndex {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.CatchUpTimeout)
	defer cancel()
	return readError(s.member.WaitApplied(ctx, appliedIndex))
}

func readForged(index uint64, canonical []byte) (forgedBlock, error) {
	block := forgedBlock{index: index}
	s := pyjson.NewScanner(canonical)
	err := s.Object(func(key string) (err error) {
		switch key {
		case "previous_hash":
			block.previous, err = s.Raw()
		case "transactions":
			block.transactions, err = s.Raw()
		}
		return err
	})
	if err == nil && (block.previous == nil || block.transactions == nil) {
		err = fmt.Errorf("block %d lacks a field", index)
	}
	return block, err
}

func appendForged(dst []byte, b *forgedBlock) []byte {
	dst = appendText(dst, "message", "New Block Forged")
	dst = appendUint(dst, "index", b.index)
	dst = appendRaw(dst, "transactions", b.transactions)
	return appendRaw(dst, "previous_hash", b.previous)
}

// forging bounds how fast blocks are made on request: for each contract as
// many at once as mineBurst, and one more every mineEvery.
type forging struct {
	mu sync.Mutex
	// until is when a contract's requests, each taking mineEvery, are all paid
	// for. It has a row for each contract at most.
	until map[string]time.Time
}

// take tells whether one more block may be asked for now.
func (f *forging) take(token string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.until == nil {
		f.until = map[string]time.Time{}
	}
	until := f.until[token]
	if until.Before(now) {
		until = now
	}
	if until.Sub(now) > (mineBurst-1)*mineEvery {
		return false
	}
	f.until[token] = until.Add(mineEvery)
	return true
}

func (f *forging) allow(token string) error {
	if f.take(token, time.Now()) {
		return nil
	}
	return ErrTooManyBlocks
}
