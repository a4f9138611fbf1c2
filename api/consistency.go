package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// consistency is how fresh the answer to a read must be.
type consistency string

const (
	local        consistency = "local"        // what this replica has
	leader       consistency = "leader"       // what the replica has that believes to lead
	linearizable consistency = "linearizable" // all that was acknowledged anywhere before
)

// readAt is before every read of a member's ledger: it waits until the replica
// is as fresh as the client asked for, or else as the route is by default, and
// says how fresh it is.
func (s *memberServer) readAt(byDefault consistency) gin.HandlerFunc {
	return func(c *gin.Context) {
		if byDefault == local && waitsForNothing(c) ||
			s.reached(c, func(ctx context.Context) error { return s.await(ctx, c, byDefault) }) {
			// Taken before the state is read: what follows is at least as new.
			c.Writer.Header()[protocol.AppliedIndex] = []string{strconv.FormatUint(s.read.AppliedIndex(), 10)}
			setLastContact(c, s.member.LastContact())
		}
	}
}

// waitsForNothing tells of a request that has neither a query nor the header.
func waitsForNothing(c *gin.Context) bool {
	return c.Request.URL.RawQuery == "" && c.Request.Header[protocol.MinBlock] == nil
}

// reached tells whether what a read waits for has come; if not, it has
// answered.
func (s *server) reached(c *gin.Context, await func(context.Context) error) bool {
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
	if err := await(ctx); err != nil {
		c.Abort()
		s.fail(c, err)
		return false
	}
	return true
}

func setLastContact(c *gin.Context, ago time.Duration) {
	c.Writer.Header()[protocol.LastContact] = []string{strconv.FormatInt(ago.Milliseconds(), 10)}
}

// minBlock is the block that a read is to wait for: ?min_block=, or, unless
// that is there, the header that the answer to a write suggested.
func minBlock(c *gin.Context) (index uint64, given bool, err error) {
	if index, err = query.Uint(c, "min_block", 0, math.MaxInt64); index != 0 || err != nil {
		return index, true, err
	}
	values := c.Request.Header[protocol.MinBlock]
	if len(values) == 0 {
		return 0, false, nil
	}
	index, err = strconv.ParseUint(values[0], 10, 63)
	if len(values) > 1 || err != nil {
		return 0, false, fmt.Errorf("%w: %s must be one whole number", chain.InvalidField, protocol.MinBlock)
	}
	return index, false, nil
}

// awaitBlock waits for a block, which works on any node: they are the same
// everywhere.
func (s *server) awaitBlock(ctx context.Context, c *gin.Context, index uint64) error {
	if index == 0 {
		return nil
	}
	token := c.Param("token") // of /v1/contracts/:token
	if token == "" {
		token = query.Text(c, "contract")
	}
	contract, err := s.contract(ctx, token)
	if err != nil {
		return err
	}
	return readError(s.read.WaitBlock(ctx, contract.Token, index))
}

// await obeys ?consistency=, ?min_index= and ?min_block=. What an answer
// suggested as the least block is in a linearizable answer, block or no block: a
// member knows records before they are in one.
func (s *memberServer) await(ctx context.Context, c *gin.Context, wanted consistency) error {
	minIndex, err := query.Uint(c, "min_index", 0, math.MaxInt64)
	if err != nil {
		return err
	}
	block, asked, err := minBlock(c)
	if err != nil {
		return err
	}
	if asksForThePast(c) {
		wanted = local // who answers waits where the moment is not here
	}
	if text := query.Text(c, "consistency"); text != "" {
		wanted = consistency(text)
	}
	switch wanted {
	case local:
	case leader:
		if err := s.mustLead(); err != nil {
			return err
		}
	case linearizable:
		if err := s.member.Barrier(ctx); err != nil {
			return notLinearizable(c, readError(err))
		}
		if !asked {
			block = 0
		}
	default:
		return fmt.Errorf("%w: consistency must be local, leader or linearizable", chain.InvalidField)
	}
	if minIndex > s.read.AppliedIndex() {
		if err := readError(s.member.WaitApplied(ctx, minIndex)); err != nil {
			return err
		}
	}
	return s.awaitBlock(ctx, c, block)
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

// newestOnly implements role of a read of state that has passed readAt.
func (s *memberServer) newestOnly(c *gin.Context) bool {
	wanted := consistency(query.Text(c, "consistency"))
	return wanted == "" || wanted == linearizable
}

// notLinearizable says how to get an older answer, to who did not ask for a new
// one.
func notLinearizable(c *gin.Context, err error) error {
	if err == nil || query.Text(c, "consistency") != "" {
		return err
	}
	return problem.WithDetail(err, fmt.Sprintf("The newest state cannot be had now (%s); ?consistency=local asks for what this member has", err))
}

func (s *memberServer) mustLead() error {
	if s.member.IsLeader() {
		return nil
	}
	if id, ok := s.member.Leader(); ok {
		return problem.WithDetail(problem.NotLeader, "The leader is "+id)
	}
	return outcome.NoLeader
}

// readError is what a read that waited in vain is told. A read takes no
// effect, so there is nothing unknown about it: whatever kept this replica from
// catching up, it is behind.
func readError(err error) error {
	if err == nil {
		return nil
	}
	switch outcome.Code(problem.CodeOf(err)) {
	case outcome.Unknown, outcome.NotOrdered, problem.Internal:
		return fmt.Errorf("%w: %s", problem.Behind, err.Error()) // the code is this one alone
	}
	return err
}

// A node that answered for an id answers for it from then on, though its own
// replica may not have it yet: a member passes writes to the leader and applies
// them a moment later, a follower hears of them with their block. So what is not
// here is not called unknown before somebody has been asked who would know.

// errAnswered: the client has its answer already, from elsewhere.
var errAnswered = errors.New("answered from elsewhere")

// find reads something that is found by an id; chain.NotFound means that nobody
// has it.
func find[T any](c *gin.Context, s *server, read func() (T, error)) (T, error) {
	found, err := read()
	if !errors.Is(err, chain.NotFound) {
		return found, err
	}
	again, failed := s.role.lookElsewhere(c)
	switch {
	case failed != nil:
		return found, failed
	case again:
		return read()
	}
	return found, err
}

// fromCursor reads a page that begins at a cursor. Where that is of something
// which is not here, the page would be empty, for as long as the chain does not get
// there: who asked for the newest state has made the cursor up; else another
// replica may be a little ahead, and this one is given the time of a read to get
// there.
func fromCursor[T any](c *gin.Context, s *server, token string, read func() (T, error)) (page T, err error) {
	if page, err = read(); !errors.Is(err, chain.ErrBeyond) {
		return page, err
	}
	if s.role.newestOnly(c) {
		return page, fmt.Errorf("%w: %w", chain.InvalidField, err)
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
	for waited := error(nil); ; {
		info, failed := s.read.Contract(token)
		if failed != nil {
			return page, failed
		}
		if page, err = read(); !errors.Is(err, chain.ErrBeyond) {
			return page, err
		}
		if waited != nil {
			return page, problem.WithDetail(problem.Behind, fmt.Sprintf("This node may not have caught up: %s", err))
		}
		waited = s.read.WaitBlock(ctx, token, info.Length+1)
	}
}

// answered is the highest log index that a member has answered for. Any number
// of requests may raise it at the same time; it never falls.
type answered struct{ index atomic.Uint64 }

func (a *answered) saw(index uint64) {
	for {
		old := a.index.Load()
		if index <= old || a.index.CompareAndSwap(old, index) {
			return
		}
	}
}

// lookElsewhere implements role: it waits until this replica has all that this
// member has answered for and, unless it is asked what is here, all that any has:
// a receipt is read as it is here, and its record may be known elsewhere only.
func (s *memberServer) lookElsewhere(c *gin.Context) (again bool, err error) {
	if query.Text(c, "consistency") == "" {
		return true, s.awaitNewest(c)
	}
	index := s.answered.index.Load()
	if s.read.AppliedIndex() >= index {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
	return true, readError(s.member.WaitApplied(ctx, index))
}

// awaitNewest implements role: it waits until this replica has all that was
// acknowledged anywhere, unless the client asked for what is here.
func (s *memberServer) awaitNewest(c *gin.Context) error {
	if query.Text(c, "consistency") != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
	return notLinearizable(c, readError(s.member.Barrier(ctx)))
}
