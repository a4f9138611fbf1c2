package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
)

// ContractReader reads the contracts of a node and where their chains stand.
type ContractReader interface {
	// DefaultToken is the first contract created; false while there is none.
	DefaultToken() (string, bool)
	// Contracts lists all contracts in the order of their creation.
	Contracts() []chain.Info
	// Contract fails with chain.ContractUnknown.
	Contract(token string) (chain.Info, error)
}

// getContracts is GET /v1/contracts: {"items":[ … ]} in order of creation.
func (s *server) getContracts(c *gin.Context) error {
	w := s.pool.get()
	defer s.pool.put(w)
	w.out = append(w.out, `{"items":[`...)
	for i, info := range s.read.Contracts() {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		var err error
		if w.out, err = s.appendInfo(w.out, &info); err != nil {
			return err
		}
	}
	s.sendJSON(c, http.StatusOK, append(w.out, "]}\n"...))
	return nil
}

// getContract is GET /v1/contracts/{token}.
func (s *server) getContract(c *gin.Context) error {
	info, err := s.info(c.Request.Context(), c.Param("token"))
	if err != nil {
		return err
	}
	return s.sendInfo(c, http.StatusOK, &info)
}

// createContract is POST /v1/contracts; the body is the contract.
func (s *memberServer) createContract(c *gin.Context) error {
	contract, err := s.readContract(c)
	if err != nil {
		return err
	}
	if _, ok := s.read.DefaultToken(); !ok && s.cfg.DefaultConfigured {
		return withDetail(ErrNoContract, "The default contract, which the configuration names, is not there yet")
	}
	if _, err := s.read.Contract(contract.Token); err == nil {
		return fmt.Errorf("%w: %s", chain.ContractExists, contract.Token)
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.WriteTimeout)
	defer cancel()
	applied, err := s.write.CreateContract(ctx, contract)
	if err != nil {
		return contractError(err)
	}
	c.Header("Location", "/v1/contracts/"+contract.Token)
	info := chain.Info{Contract: contract}
	if s.catchUp(c, applied) == nil {
		if seen, err := s.read.Contract(contract.Token); err == nil {
			info = seen
		}
	}
	return s.sendInfo(c, http.StatusCreated, &info)
}

// contractError adds what to do about an unknown outcome: a contract has no
// id but its name.
func contractError(err error) error {
	if err = writeError(err, nil); errors.Is(err, outcome.Unknown) {
		return withDetail(err, "The contract may have been created: look before asking again")
	}
	return err
}

// readContract reads the body.
func (s *memberServer) readContract(c *gin.Context) (chain.Contract, error) {
	w := s.pool.get()
	defer s.pool.put(w)
	if err := readBody(c, w, maxBody); err != nil {
		return chain.Contract{}, err
	}
	return w.read.Contract(w.in)
}

func (s *server) sendInfo(c *gin.Context, status int, info *chain.Info) (err error) {
	w := s.pool.get()
	defer s.pool.put(w)
	if w.out, err = s.appendInfo(w.out, info); err != nil {
		return err
	}
	s.sendJSON(c, status, append(w.out, '\n'))
	return nil
}

// appendInfo writes a contract and where its chain stands; only the contract
// when this replica has not seen the chain begin.
func (s *server) appendInfo(dst []byte, info *chain.Info) ([]byte, error) {
	text, err := info.Contract.MarshalJSON()
	if err != nil {
		return dst, err
	}
	dst = appendText(append(dst, '{'), "token", info.Contract.Token)
	dst = appendRaw(dst, "contract", text)
	if now, ok := s.role.now(); ok {
		dst = chain.AppendTimestamp(appendKey(dst, "time"), now)
	}
	if info.Length == 0 {
		return append(dst, '}'), nil
	}
	dst = appendHash(dst, "chain_id", info.ID)
	dst = appendUint(dst, "length", info.Length)
	dst = appendHash(dst, "tip", info.Tip)
	dst = chain.AppendTimestamp(appendKey(dst, "tip_timestamp"), info.TipTimestamp)
	dst = appendUint(dst, "records", info.Records)
	dst = appendUint(dst, "pending", uint64(info.Pending))
	dst = appendUint(dst, "open_holds", uint64(info.OpenHolds))
	dst = append(appendKey(dst, "totals"), '{')
	decimals := info.Contract.Decimals
	dst = appendAmount(dst, "issued", info.Totals.Issued, decimals)
	dst = appendAmount(dst, "burned", info.Totals.Burned, decimals)
	dst = appendAmount(dst, "fees", info.Totals.Fees, decimals)
	dst = appendAmount(dst, "held", info.Totals.Held, decimals)
	return append(dst, "}}"...), nil
}
