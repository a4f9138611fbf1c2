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
func (s *server) resolveHold(c *gin.Context) error {
	param, err := url.PathUnescape(c.Param("id"))
	if err != nil {
		return ErrPathUnknown
	}
	text, verb, _ := strings.Cut(param, ":")
	kind := chain.Kind(verb)
	if kind != chain.Accept && kind != chain.Reject {
		return ErrPathUnknown
	}
	id, err := chain.ParseHash(text)
	if err != nil {
		return err
	}
	return s.answerTransaction(c, bodyRule{kind: kind, hold: id})
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
	hold, err := s.read.Hold(contract.Token, id)
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
	w.out = appendUint(w.out, "applied_index", applied)
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
}
