package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

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

// getHold is GET /v1/holds/{id}. The id is that of the transaction that became
// the hold.
func (s *server) getHold(c *gin.Context) error {
	id, contract, err := s.idOf(c)
	if err != nil {
		return err
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
}

func newHoldAnswer(contract *intake.Chain, id chain.ID, hold *chain.HoldState) holdAnswer {
	status := statusPending
	if hold.Ended != "" {
		status = string(hold.Ended)
	}
	return holdAnswer{ID: id, Contract: contract.Token, Status: status, Sender: hold.Sender, Recipient: hold.Recipient,
		Amount: decimal{hold.Amount, contract.Decimals}, HoldUntil: hold.Until}
}

// getOpenHolds is GET /v1/accounts/{address}/holds: the holds that nobody has
// decided yet, the first to expire first. They are those that wait for the
// wallet's decision or, with role=sender, those that it has sent.
func (s *server) getOpenHolds(c *gin.Context) error {
	contract, name, err := s.accountOf(c)
	if err != nil {
		return err
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
	answer := struct {
		Items []holdAnswer `json:"items"`
		Next  string       `json:"next,omitempty"`
		appliedAt
	}{Items: make([]holdAnswer, len(page.Holds)), appliedAt: appliedAt{applied}}
	for i := range page.Holds {
		answer.Items[i] = newHoldAnswer(contract, page.Holds[i].ID, &page.Holds[i].HoldState)
	}
	if page.More {
		answer.Next = string(answer.Items[len(answer.Items)-1].ID.AppendHex(appendCursor(nil, contract.ID)))
	}
	return s.sendValue(c, http.StatusOK, answer)
}

// holdQuery reads what is asked for. A cursor is the id of the hold after which
// the page begins, which may have ended meanwhile.
func holdQuery(c *gin.Context, contract *intake.Chain) (q chain.HoldQuery, err error) {
	limit, err := queryUint(c, "limit", defaultPage, maxPage)
	if err != nil {
		return q, err
	}
	q.Limit = int(limit)
	switch q.Role = chain.HoldRole(queryText(c, "role")); q.Role {
	case "":
		q.Role = chain.HoldRecipient
	case chain.HoldRecipient, chain.HoldSender:
	default:
		return q, intake.WrongKind("role", "recipient or sender")
	}
	after, err := ofChain(queryText(c, "after"), contract.ID)
	if err != nil || after == "" {
		return q, err
	}
	if q.After, err = chain.ParseHash(after); err != nil {
		return q, fmt.Errorf("%w: after: %q is no cursor", chain.InvalidField, intake.Echo(after))
	}
	return q, nil
}
