package api

import (
	"errors"
	"fmt"
	"math"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/cursor"
	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
)

// PastReader reads what was so at the end of a block. What is pending is in no
// block, and so in no past. What takes more work than a request may cost fails with
// chain.ErrUnfinished, and goes on where it was when it is asked again.
type PastReader interface {
	// Moment fails with chain.NotFound for a block that is not here.
	Moment(token string, block uint64) (chain.Moment, error)
	// MomentAt is the end of the last block whose timestamp is not after a time; its
	// Block is 0 where there is none.
	MomentAt(token string, at chain.Micros) (chain.Moment, error)
	AccountAt(token, name string, block uint64) (chain.Account, error)
	// HoldAt fails with chain.NotFound for a hold that was not there.
	HoldAt(token string, id chain.ID, block uint64) (chain.HoldState, error)
	HoldsAt(token string, q chain.PastHoldQuery) (chain.PastHoldPage, error)
}

// asOf are the parameters by which a read asks for the past, one at a time.
var asOf = []string{"at_block", "at"}

// asksForThePast tells of a read that any replica answers alike which has the block.
func asksForThePast(c *gin.Context) bool {
	return query.Text(c, "at_block") != "" || query.Text(c, "at") != ""
}

// momentAnswer is as of when an answer is.
type momentAnswer struct {
	Block     uint64     `json:"block"`
	Hash      chain.Hash `json:"hash"`
	Timestamp timestamp  `json:"timestamp"`
}

func newMomentAnswer(m chain.Moment) *momentAnswer {
	return &momentAnswer{m.Block, m.Hash, timestamp(m.Timestamp)}
}

// past is the moment as of which a request asks, and whether the client has the
// answer already; then it has been told so. As of a block is as of it for ever, and
// so is a time before the newest block; after that, blocks may still come.
func (s *server) past(c *gin.Context, contract *intake.Chain) (m chain.Moment, known bool, err error) {
	block, err := query.Uint(c, "at_block", 0, math.MaxInt64)
	if err != nil {
		return m, false, err
	}
	at, timed, err := query.Time(c, "at")
	switch {
	case err != nil:
		return m, false, err
	case timed && block != 0:
		return m, false, fmt.Errorf("%w: at_block and at: one of them at a time", chain.InvalidField)
	}
	settled := true
	if timed {
		m, settled, err = s.momentAt(c, contract.Token, at)
	} else {
		m, err = s.moment(c, contract.Token, block)
	}
	if err != nil {
		return m, false, err
	}
	tag := `"` + m.Hash.String() + `-as-of"`
	if settled {
		return m, httpcache.NotModifiedEver(c, tag), nil
	}
	return m, httpcache.NotModified(c, tag), nil
}

// moment is the end of a block, of which another member may have heard before.
func (s *server) moment(c *gin.Context, token string, block uint64) (chain.Moment, error) {
	m, err := s.read.Moment(token, block)
	if !errors.Is(err, chain.NotFound) {
		return m, err
	}
	if err := s.role.awaitNewest(c); err != nil {
		return m, err
	}
	if m, err = s.read.Moment(token, block); errors.Is(err, chain.NotFound) {
		err = problem.WithDetail(problem.BlockNotHere, fmt.Sprintf("The chain has no block %d here yet; min_block=%d waits for it", block, block))
	}
	return m, err
}

// momentAt is the end of the last block at a time, and whether that is settled: the
// block after it is here, and later.
func (s *server) momentAt(c *gin.Context, token string, at chain.Micros) (m chain.Moment, settled bool, err error) {
	look := func() error {
		info, err := s.read.Contract(token) // first: what comes meanwhile is not counted
		if err == nil {
			m, err = s.read.MomentAt(token, at)
		}
		settled = m.Block < info.Length
		return err
	}
	if err = look(); err == nil && !settled {
		if err = s.role.awaitNewest(c); err == nil {
			err = look()
		}
	}
	if err == nil && m.Block == 0 {
		err = problem.WithDetail(problem.BeforeGenesis, "The chain begins after that time")
	}
	return m, settled, err
}

// pastError tells a client to come again for what takes more than one request.
func pastError(err error) error {
	if errors.Is(err, chain.ErrUnfinished) {
		return fmt.Errorf("%w: %s", problem.PastNotReady, err.Error())
	}
	return err
}

// pastAccount is getAccount as of a block.
func (s *server) pastAccount(c *gin.Context, contract *intake.Chain, name string) (answer *accountAnswer, err error) {
	m, known, err := s.past(c, contract)
	if err != nil || known {
		return nil, err
	}
	account, err := s.read.AccountAt(contract.Token, name, m.Block)
	if err != nil {
		return nil, pastError(err)
	}
	answer = newAccountAnswer(contract, name, account, m.Timestamp)
	answer.AsOf = newMomentAnswer(m)
	return answer, nil
}

// pastHold is getHold as of a block.
func (s *server) pastHold(c *gin.Context, contract *intake.Chain, id chain.ID) (answer *holdAnswer, err error) {
	m, known, err := s.past(c, contract)
	if err != nil || known {
		return nil, err
	}
	hold, err := s.read.HoldAt(contract.Token, id, m.Block)
	if errors.Is(err, chain.NotFound) {
		return nil, problem.WithDetail(chain.HoldUnknown, fmt.Sprintf("There was no such hold at block %d", m.Block))
	}
	if err != nil {
		return nil, pastError(err)
	}
	a := newHoldAnswer(contract, id, &hold)
	a.AsOf = newMomentAnswer(m)
	return &a, nil
}

// pastHolds is getOpenHolds as of a block. They come in the order in which they were
// opened, the last first, and a page may be short, empty even, and still have next.
func (s *server) pastHolds(c *gin.Context, contract *intake.Chain, name string) (answer *holdsAnswer, err error) {
	limit, role, after, err := holdPageQuery(c, contract)
	if err != nil {
		return nil, err
	}
	m, known, err := s.past(c, contract)
	if err != nil || known {
		return nil, err
	}
	page, err := s.read.HoldsAt(contract.Token, chain.PastHoldQuery{Account: name, Role: role, Block: m.Block, After: after, Limit: limit})
	if err != nil {
		return nil, pastError(err)
	}
	answer = newHoldsAnswer(contract, page.Holds)
	answer.AsOf = newMomentAnswer(m)
	if page.Next != "" {
		answer.Next = string(append(cursor.Append(nil, contract.ID), page.Next...))
	}
	return answer, nil
}
