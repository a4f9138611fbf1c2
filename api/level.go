package api

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

// Headers that say how old the answer to a read may be.
const (
	headerApplied     = "Bpsc-Applied-Index"
	headerLastContact = "Bpsc-Last-Contact" // milliseconds
)

// readLevel is before every read of a member's ledger: it waits until the
// replica is as fresh as the client asked for, and says how fresh it is.
func (s *memberServer) readLevel(c *gin.Context) {
	if !s.reached(c, s.awaitLevel) {
		return
	}
	// Taken before the state is read: what follows is at least as new.
	c.Writer.Header()[headerApplied] = []string{strconv.FormatUint(s.read.AppliedIndex(), 10)}
	setLastContact(c, s.member.LastContact())
}

// reached tells whether what a read waits for has come; if not, it has
// answered. A request without a query waits for nothing.
func (s *server) reached(c *gin.Context, await func(context.Context, *gin.Context) error) bool {
	if c.Request.URL.RawQuery == "" {
		return true
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
	err := await(ctx, c)
	if err == nil {
		err = s.awaitBlock(ctx, c)
	}
	if err != nil {
		c.Abort()
		s.fail(c, err)
	}
	return err == nil
}

func setLastContact(c *gin.Context, ago time.Duration) {
	c.Writer.Header()[headerLastContact] = []string{strconv.FormatInt(ago.Milliseconds(), 10)}
}

// awaitBlock obeys ?min_block=, with the block that the answer to a write
// named: it works on any node, since blocks are the same everywhere.
func (s *server) awaitBlock(ctx context.Context, c *gin.Context) error {
	index, err := queryUint(c, "min_block", 0, math.MaxInt64)
	if err != nil || index == 0 {
		return err
	}
	token := c.Param("token") // of /v1/contracts/:token
	if token == "" {
		token = queryText(c, "contract")
	}
	contract, err := s.contract(token)
	if err != nil {
		return err
	}
	return readError(s.read.WaitBlock(ctx, contract.Token, index))
}

// awaitLevel obeys ?consistency= and ?min_index=.
func (s *memberServer) awaitLevel(ctx context.Context, c *gin.Context) error {
	minIndex, err := queryUint(c, "min_index", 0, math.MaxInt64)
	if err != nil {
		return err
	}
	switch level := queryText(c, "consistency"); level {
	case "", "local":
	case "leader":
		if err := s.mustLead(); err != nil {
			return err
		}
	case "linearizable":
		if err := s.member.Barrier(ctx); err != nil {
			return readError(err)
		}
	default:
		return fmt.Errorf("%w: consistency must be local, leader or linearizable", chain.InvalidField)
	}
	if minIndex <= s.read.AppliedIndex() {
		return nil
	}
	return readError(s.member.WaitApplied(ctx, minIndex))
}

func (s *memberServer) mustLead() error {
	if s.member.IsLeader() {
		return nil
	}
	if id, ok := s.member.Leader(); ok {
		return withDetail(ErrNotLeader, "The leader is "+id)
	}
	return ErrNoLeader
}

// readError is what a read that waited in vain is told. A read takes no
// effect, so there is nothing unknown about it: whatever kept this replica from
// catching up, it is behind.
func readError(err error) error {
	if err == nil {
		return nil
	}
	switch Error(codeOf(err)) {
	case ErrOutcomeUnknown, ErrNotOrdered, ErrInternal:
		return fmt.Errorf("%w: %v", ErrBehind, err)
	}
	return err
}
