package api

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/gin-gonic/gin"
)

// A node that answered for an id answers for it from then on, though its own
// replica may not have it yet: a member passes writes to the leader and applies
// them a moment later, a follower hears of them with their block. So what is not
// here is not called unknown before somebody has been asked who would know.

// absence is what became of looking for what is not here.
type absence int

const (
	unknown      absence = iota // nobody has it
	lookAgain                   // it may have come meanwhile
	answeredFrom                // the answer has been given, from elsewhere
)

// find reads something that is found by an id. sent means that the client has
// its answer already.
func find[T any](c *gin.Context, s *server, missing error, read func() (T, error)) (found T, sent bool, err error) {
	found, err = read()
	if !errors.Is(err, missing) || s.absent == nil {
		return found, false, err
	}
	became, failed := s.absent(c)
	switch {
	case failed != nil:
		return found, false, failed
	case became == lookAgain:
		found, err = read()
	}
	return found, became == answeredFrom, err
}

// answered is the highest log index that a member has answered for.
type answered struct{ index atomic.Uint64 }

func (a *answered) saw(index uint64) {
	for {
		old := a.index.Load()
		if index <= old || a.index.CompareAndSwap(old, index) {
			return
		}
	}
}

// awaitAnswered waits until this replica has all that this member has answered
// for and, unless it is asked what is here, all that any has: a receipt is read
// as it is here, and its record may be known elsewhere only.
func (s *memberServer) awaitAnswered(c *gin.Context) (absence, error) {
	if queryText(c, "consistency") == "" {
		return lookAgain, s.awaitNewest(c)
	}
	index := s.answered.index.Load()
	if s.read.AppliedIndex() >= index {
		return unknown, nil
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
	return lookAgain, readError(s.member.WaitApplied(ctx, index))
}

// awaitNewest waits until this replica has all that was acknowledged anywhere,
// unless the client asked for what is here.
func (s *memberServer) awaitNewest(c *gin.Context) error {
	if queryText(c, "consistency") != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
	return notLinearizable(c, readError(s.member.Barrier(ctx)))
}
