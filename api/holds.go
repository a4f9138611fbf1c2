package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/cursor"
	"github.com/bpsc/bpsc/api/decision"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
)

// HoldReader reads the holds of a node's chains.
type HoldReader interface {
	// Hold fails with chain.NotFound or chain.ContractUnknown.
	Hold(token string, id chain.ID) (chain.HoldState, error)
	// OpenHolds lists the undecided holds of an account, a page at a time. After
	// a hold that is not here it fails with chain.ErrBeyond.
	OpenHolds(token string, q chain.HoldQuery) (chain.HoldPage, error)
}

// resolveHold is POST /v1/holds/{id}:accept and {id}:reject: a transaction of
// that kind, signed by the recipient of the hold.
func (s *memberServer) resolveHold(c *gin.Context) error {
	e, err := holdEnvelope(c)
	if err != nil {
		return err
	}
	return s.answerTransaction(c, e)
}

// holdEnvelope is what the path says that is asked for.
func holdEnvelope(c *gin.Context) (e intake.Envelope, err error) {
	param, err := url.PathUnescape(c.Param("id"))
	if err != nil {
		return e, outcome.PathUnknown
	}
	text, verb, _ := strings.Cut(param, ":")
	e.Kind = chain.Kind(verb)
	if e.Kind != chain.Accept && e.Kind != chain.Reject {
		return e, outcome.PathUnknown
	}
	e.Hold, err = chain.ParseHash(text)
	return e, err
}

// getHold is GET /v1/holds/{id}, as it is or, with at_block or at, as it was. The id
// is that of the transaction that became the hold.
func (s *server) getHold(c *gin.Context) error {
	id, contract, err := s.idOf(c)
	if err != nil {
		return err
	}
	if asksForThePast(c) {
		answer, err := s.pastHold(c, contract, id)
		if err != nil || answer == nil {
			return err
		}
		return s.sendValue(c, http.StatusOK, answer)
	}
	applied := s.read.AppliedIndex()
	hold, err := find(c, s, func() (chain.HoldState, error) { return s.read.Hold(contract.Token, id) })
	if errors.Is(err, chain.NotFound) {
		return chain.HoldUnknown
	}
	if err != nil {
		return err
	}
	return s.sendValue(c, http.StatusOK, struct {
		holdAnswer
		appliedAt
	}{newHoldAnswer(contract, id, &hold), appliedAt{applied}})
}

// holdAnswer is what is known of a hold.
type holdAnswer struct {
	ID        chain.ID      `json:"id"`
	Contract  string        `json:"contract"`
	Status    string        `json:"status"`
	Sender    string        `json:"sender"`
	Recipient string        `json:"recipient"`
	Amount    decimal       `json:"amount"`
	HoldUntil chain.Seconds `json:"hold_until"`

	AsOf *momentAnswer `json:"as_of,omitempty"` // of an answer that is one hold
}

func newHoldAnswer(contract *intake.Chain, id chain.ID, hold *chain.HoldState) holdAnswer {
	status := decision.Pending
	if hold.Ended != "" {
		status = string(hold.Ended)
	}
	return holdAnswer{ID: id, Contract: contract.Token, Status: status, Sender: hold.Sender, Recipient: hold.Recipient,
		Amount: decimal{hold.Amount, contract.Decimals}, HoldUntil: hold.Until}
}

// getOpenHolds is GET /v1/accounts/{address}/holds: the holds that nobody has
// decided yet, the first to expire first. They are those that wait for the
// wallet's decision or, with role=sender, those that it has sent. With at_block or
// at, those that waited then, see pastHolds.
func (s *server) getOpenHolds(c *gin.Context) error {
	contract, name, err := s.accountOf(c)
	if err != nil {
		return err
	}
	if asksForThePast(c) {
		answer, err := s.pastHolds(c, contract, name)
		if err != nil || answer == nil {
			return err
		}
		return s.sendValue(c, http.StatusOK, answer)
	}
	q, err := holdQuery(c, contract)
	if err != nil {
		return err
	}
	q.Account = name
	applied := s.read.AppliedIndex()
	page, err := fromCursor(c, s, contract.Token, func() (chain.HoldPage, error) { return s.read.OpenHolds(contract.Token, q) })
	if err != nil {
		return err
	}
	answer := newHoldsAnswer(contract, page.Holds)
	answer.appliedAt = appliedAt{applied}
	if page.More {
		answer.Next = string(answer.Items[len(answer.Items)-1].ID.AppendHex(cursor.Append(nil, contract.ID)))
	}
	return s.sendValue(c, http.StatusOK, answer)
}

type holdsAnswer struct {
	Items []holdAnswer  `json:"items"`
	Next  string        `json:"next,omitempty"`
	AsOf  *momentAnswer `json:"as_of,omitempty"`
	appliedAt
}

func newHoldsAnswer(contract *intake.Chain, holds []chain.OpenHold) *holdsAnswer {
	a := &holdsAnswer{Items: make([]holdAnswer, len(holds))}
	for i := range holds {
		a.Items[i] = newHoldAnswer(contract, holds[i].ID, &holds[i].HoldState)
	}
	return a
}

// holdPageQuery reads which page of an account's holds is asked for; after is the
// place in this chain that its cursor names.
func holdPageQuery(c *gin.Context, contract *intake.Chain) (limit int, role chain.HoldRole, after string, err error) {
	number, err := query.Uint(c, "limit", defaultPage, maxPage)
	if err != nil {
		return 0, "", "", err
	}
	switch role = chain.HoldRole(query.Text(c, "role")); role {
	case "":
		role = chain.HoldRecipient
	case chain.HoldRecipient, chain.HoldSender:
	default:
		return 0, "", "", intake.WrongKind("role", "recipient or sender")
	}
	after, err = cursor.OfChain(query.Text(c, "after"), contract.ID)
	return int(number), role, after, err
}

// holdQuery reads what is asked for. A cursor is the id of the hold after which
// the page begins, which may have ended meanwhile.
func holdQuery(c *gin.Context, contract *intake.Chain) (q chain.HoldQuery, err error) {
	var after string
	q.Limit, q.Role, after, err = holdPageQuery(c, contract)
	if err != nil || after == "" {
		return q, err
	}
	if q.After, err = chain.ParseHash(after); err != nil {
		return q, fmt.Errorf("%w: after: %q is no cursor", chain.InvalidField, intake.Echo(after))
	}
	return q, nil
}
