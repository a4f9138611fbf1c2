package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
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
	infos := s.read.Contracts()
	items := make([]contractAnswer, len(infos))
	for i := range infos {
		items[i] = s.contractAnswer(&infos[i])
	}
	return s.sendValue(c, http.StatusOK, struct {
		Items []contractAnswer `json:"items"`
	}{items})
}

// getContract is GET /v1/contracts/{token}.
func (s *server) getContract(c *gin.Context) error {
	info, err := s.info(c.Request.Context(), c.Param("token"))
	if err != nil {
		return err
	}
	return s.sendValue(c, http.StatusOK, s.contractAnswer(&info))
}

// createContract is POST /v1/contracts; the body is the contract.
func (s *memberServer) createContract(c *gin.Context) error {
	contract, err := s.readContract(c)
	if err != nil {
		return err
	}
	if _, ok := s.read.DefaultToken(); !ok && s.cfg.DefaultConfigured {
		return problem.WithDetail(problem.NoContract, "The default contract, which the configuration names, is not there yet")
	}
	if _, err := s.read.Contract(contract.Token); err == nil {
		return fmt.Errorf("%w: %s", chain.ContractExists, contract.Token)
	}
	var applied uint64
	err = s.noted(c, "contracts.create", contract.Token, func() error {
		return s.order(c, "The contract may have been created: look before asking again", func(ctx context.Context) (err error) {
			applied, err = s.write.CreateContract(ctx, contract)
			return err
		})
	})
	if err != nil {
		return err
	}
	c.Header("Location", "/v1/contracts/"+contract.Token)
	info := chain.Info{Contract: contract}
	if s.catchUp(c, applied) == nil {
		if seen, err := s.read.Contract(contract.Token); err == nil {
			info = seen
		}
	}
	return s.sendValue(c, http.StatusCreated, s.contractAnswer(&info))
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

// contractAnswer is a contract and where its chain stands; only the contract
// when this replica has not seen the chain begin.
type contractAnswer struct {
	Token    string         `json:"token"`
	Contract chain.Contract `json:"contract"`
	Time     timestamp      `json:"time,omitzero"`
	*chainAnswer
}

type chainAnswer struct {
	ID           chain.Hash `json:"chain_id"`
	Length       uint64     `json:"length"`
	Tip          chain.Hash `json:"tip"`
	TipTimestamp timestamp  `json:"tip_timestamp"`
	NextBlockAt  timestamp  `json:"next_block_at,omitzero"` // by the schedule's time
	Records      uint64     `json:"records"`
	Pending      int        `json:"pending"`
	OpenHolds    int        `json:"open_holds"`
	Totals       struct {
		Issued decimal `json:"issued"`
		Burned decimal `json:"burned"`
		Fees   decimal `json:"fees"`
		Held   decimal `json:"held"`
	} `json:"totals"`
}

func (s *server) contractAnswer(info *chain.Info) contractAnswer {
	answer := contractAnswer{Token: info.Contract.Token, Contract: info.Contract}
	if now, ok := s.role.now(); ok {
		answer.Time = timestamp(now)
	}
	if info.Length == 0 {
		return answer
	}
	a := &chainAnswer{ID: info.ID, Length: info.Length, Tip: info.Tip, TipTimestamp: timestamp(info.TipTimestamp), NextBlockAt: timestamp(info.Due),
		Records: info.Records, Pending: info.Pending, OpenHolds: info.OpenHolds}
	places := info.Contract.Decimals
	a.Totals.Issued = decimal{info.Totals.Issued, places}
	a.Totals.Burned = decimal{info.Totals.Burned, places}
	a.Totals.Fees = decimal{info.Totals.Fees, places}
	a.Totals.Held = decimal{info.Totals.Held, places}
	answer.chainAnswer = a
	return answer
}

// contractCache keeps the parameters of contracts, which nobody can change, so
// that a transaction is checked without a look into the state. It holds as
// many as the ledger does.
//
// Requests read it without a lock, so a map is never changed once byToken points
// to it: who adds a contract copies the map and puts the copy in its place by
// compare-and-swap. Of two that add at once the later one copies again, and
// nothing that was added is lost. What is in the maps is shared and only read.
type contractCache struct {
	byToken      atomic.Pointer[map[string]*intake.Chain]
	defaultToken atomic.Pointer[string]
}

func (k *contractCache) remember(c *intake.Chain) *intake.Chain {
	for {
		old := k.byToken.Load()
		grown := make(map[string]*intake.Chain)
		if old != nil {
			maps.Copy(grown, *old)
		}
		grown[c.Token] = c
		if k.byToken.CompareAndSwap(old, &grown) {
			return c
		}
	}
}

// contract returns the parameters of the contract a request names; "" is the
// default one.
func (s *server) contract(ctx context.Context, token string) (*intake.Chain, error) {
	if token == "" {
		var err error
		if token, err = s.defaultToken(); err != nil {
			return nil, err
		}
	}
	if err := access.From(ctx).ForContract(token); err != nil {
		return nil, err
	}
	if known := s.contracts.byToken.Load(); known != nil {
		if c, ok := (*known)[token]; ok {
			return c, nil
		}
	}
	info, err := s.info(ctx, token)
	if err != nil {
		return nil, err
	}
	return s.contracts.remember(&intake.Chain{Contract: info.Contract, ID: info.ID}), nil
}

// info is where the chain of a token stands here. That there is no such contract
// is said for good, and clients and relays take it so: first this node looks
// whether one is on its way.
func (s *server) info(ctx context.Context, token string) (chain.Info, error) {
	if err := access.From(ctx).ForContract(token); err != nil {
		return chain.Info{}, err
	}
	info, err := s.read.Contract(token)
	if errors.Is(err, chain.ContractUnknown) && chain.ValidToken(token) {
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		if err := s.role.findContract(ctx, token); err != nil {
			return info, fmt.Errorf("%w: %q: %s", problem.ContractNotHere, intake.Echo(token), err.Error())
		}
		info, err = s.read.Contract(token)
	}
	if err != nil {
		err = fmt.Errorf("contract %q: %w", intake.Echo(token), err)
	}
	return info, err
}

// defaultToken is the first contract created.
func (s *server) defaultToken() (string, error) {
	if token := s.contracts.defaultToken.Load(); token != nil {
		return *token, nil
	}
	token, ok := s.read.DefaultToken()
	if !ok {
		if why := s.role.whyNoContract(); why != "" {
			return "", problem.WithDetail(problem.NoContract, "There is no contract yet: "+why)
		}
		return "", problem.NoContract
	}
	s.contracts.defaultToken.Store(&token)
	return token, nil
}

// contractOf is the contract that the address of a request names.
func (s *server) contractOf(c *gin.Context) (*intake.Chain, error) { return s.contractNamed(c, "") }

// contractNamed is the contract a request is about: ?contract= or, in a body, the
// key "contract". Both may be given if they agree.
func (s *server) contractNamed(c *gin.Context, inBody string) (*intake.Chain, error) {
	token := query.Text(c, "contract")
	if token != "" && inBody != "" && token != inBody {
		return nil, fmt.Errorf("%w: the body and the address name different contracts", chain.InvalidField)
	}
	return s.contractOnChain(c, cmp.Or(token, inBody))
}

// contractOnChain is the contract of that token, or the default one, if its
// chain is the one that the request names, or it names none.
func (s *server) contractOnChain(c *gin.Context, token string) (*intake.Chain, error) {
	contract, err := s.contract(c.Request.Context(), token)
	if err != nil {
		return nil, err
	}
	named := c.Request.Header[protocol.Chain]
	if text := query.Text(c, "chain"); text != "" {
		named = append(named[:len(named):len(named)], text)
	}
	for _, id := range named {
		if id != contract.ID.String() {
			return nil, fmt.Errorf("%w: it is %s here, and the request names %s", outcome.OtherChain, contract.ID, intake.Echo(id))
		}
	}
	return contract, nil
}
