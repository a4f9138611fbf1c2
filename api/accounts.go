package api

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

// getAccount is GET /v1/accounts/{address}. A name is free text and stands
// escaped in the path, a slash as %2F. One that was never used has nothing.
func (s *server) getAccount(c *gin.Context) error {
	name, err := url.PathUnescape(c.Param("address"))
	if err != nil {
		return fmt.Errorf("%w: the address is not escaped as in a URL", chain.InvalidField)
	}
	if err := chain.ValidateName("address", name); err != nil {
		return err
	}
	contract, err := s.contractOf(c)
	if err != nil {
		return err
	}
	applied := s.read.AppliedIndex()
	account, err := s.read.Account(contract.Token, name)
	if err != nil {
		return err
	}
	w := s.pool.get()
	defer s.pool.put(w)
	w.out = appendText(append(w.out, '{'), "address", name)
	w.out = appendText(w.out, "contract", contract.Token)
	w.out = appendAmount(w.out, "balance", account.Balance, contract.Decimals)
	w.out = appendUint(w.out, "records", account.Records)
	w.out = appendUint(w.out, "applied_index", applied)
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
}
