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
	rule, err := holdRule(c)
	if err != nil {
		return err
	}
	return s.answerTransaction(c, rule)
}

// holdRule is what the path says that is asked for.
func holdRule(c *gin.Context) (rule intake.Rule, err error) {
	param, err := url.PathUnescape(c.Param("id"))
	if err != nil {
		return rule, outcome.PathUnknown
	}
	text, verb, _ := strings.Cut(param, ":")
	rule.Kind = chain.Kind(verb)
	if rule.Kind != chain.Accept && rule.Kind != chain.Reject {
		return rule, outcome.PathUnknown
	}
	rule.Hold, err = chain.ParseHash(text)
	return rule, err
}

// getHold is GET /v1/holds/{id}. The id is that of the transaction that became
// the hold.
func (s *server) getHold(c *gin.Context) error {
	id, err := chain.ParseHash(c.Param("id"))
	if err != nil {
		return err
	}
	contract, err := s.contractOf(c)
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
	w := s.pool.get()
	defer s.pool.put(w)
	w.out = appendHold(append(w.out, '{'), contract, id, &hold)
	w.out = appendApplied(w.out, applied)
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
}

// getOpenHolds is GET /v1/accounts/{address}/holds: the holds that nobody has
// decided yet, the first to expire first. They are those that wait for the
// wallet's word or, with role=sender, those that it has sent.
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
	w := s.pool.get()
	defer s.pool.put(w)
	w.out = append(w.out, `{"items":[`...)
	for i := range page.Holds {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = append(appendHold(append(w.out, '{'), contract, page.Holds[i].ID, &page.Holds[i].HoldState), '}')
	}
	w.out = append(w.out, ']')
	if page.More {
		last := page.Holds[len(page.Holds)-1].ID
		w.out = appendCursor(append(appendKey(w.out, "next"), '"'), contract.ID)
		w.out = append(last.AppendHex(w.out), '"')
	}
	w.out = appendApplied(w.out, applied)
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
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

// appendHold writes what is known of a hold.
func appendHold(dst []byte, contract *intake.Chain, id chain.ID, hold *chain.HoldState) []byte {
	status := statusPending
	if hold.Ended != "" {
		status = string(hold.Ended)
	}
	dst = appendHash(dst, "id", id)
	dst = appendText(dst, "contract", contract.Token)
	dst = appendText(dst, "status", status)
	dst = appendText(dst, "sender", hold.Sender)
	dst = appendText(dst, "recipient", hold.Recipient)
	dst = appendAmount(dst, "amount", hold.Amount, contract.Decimals)
	return appendUint(dst, "hold_until", uint64(hold.Until))
}
