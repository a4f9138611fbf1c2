package api

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

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
func holdRule(c *gin.Context) (rule bodyRule, err error) {
	param, err := url.PathUnescape(c.Param("id"))
	if err != nil {
		return rule, ErrPathUnknown
	}
	text, verb, _ := strings.Cut(param, ":")
	rule.kind = chain.Kind(verb)
	if rule.kind != chain.Accept && rule.kind != chain.Reject {
		return rule, ErrPathUnknown
	}
	rule.hold, err = chain.ParseHash(text)
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
	hold, sent, err := find(c, s, chain.NotFound, func() (chain.HoldState, error) { return s.read.Hold(contract.Token, id) })
	if sent {
		return nil
	}
	if errors.Is(err, chain.NotFound) {
		return chain.HoldUnknown
	}
	if err != nil {
		return err
	}
	status := statusPending
	if hold.Ended != "" {
		status = string(hold.Ended)
	}
	w := s.pool.get()
	defer s.pool.put(w)
	w.out = appendHash(append(w.out, '{'), "id", id)
	w.out = appendText(w.out, "contract", contract.Token)
	w.out = appendText(w.out, "status", status)
	w.out = appendText(w.out, "sender", hold.Sender)
	w.out = appendText(w.out, "recipient", hold.Recipient)
	w.out = appendAmount(w.out, "amount", hold.Amount, contract.Decimals)
	w.out = appendUint(w.out, "hold_until", uint64(hold.Until))
	w.out = appendApplied(w.out, applied)
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
}
