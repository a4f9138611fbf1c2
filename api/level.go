package api

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

// Headers that say how old the answer to a read may be.
const (
	headerApplied     = "Bpsc-Applied-Index"
	headerLastContact = "Bpsc-Last-Contact" // milliseconds
)

// readLevel is before every read of the ledger: it waits until the replica is
// as fresh as the client asked for, and says how fresh it is.
func (s *server) readLevel(c *gin.Context) {
	if c.Request.URL.RawQuery != "" {
		if err := s.awaitLevel(c); err != nil {
			c.Abort()
			s.fail(c, err)
			return
		}
	}
	// Taken before the state is read: what follows is at least as new.
	header := c.Writer.Header()
	header[headerApplied] = []string{strconv.FormatUint(s.read.AppliedIndex(), 10)}
	header[headerLastContact] = []string{strconv.FormatInt(s.member.LastContact().Milliseconds(), 10)}
}

// awaitLevel obeys ?consistency= and ?min_index=.
func (s *server) awaitLevel(c *gin.Context) error {
	minIndex, err := queryUint(c, "min_index", 0, math.MaxInt64)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
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

func (s *server) mustLead() error {
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
