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
	w := s.pool.get()
	defer s.pool.put(w)
	w.out = appendHold(append(w.out, '{'), contract, id, &hold)
	w.out = appendApplied(w.out, applied)
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
}
