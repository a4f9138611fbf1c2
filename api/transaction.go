package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/decision"
	"github.com/bpsc/bpsc/api/jsonobject"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
)

// TransactionReader reads what was decided about transactions.
type TransactionReader interface {
	// Transaction fails with chain.NotFound or chain.ContractUnknown.
	Transaction(token string, id chain.ID) (chain.Outcome, error)
	// Time is a time before which nothing will be decided in that chain any more
	// that is not to be read here yet: a member's machine time; for a follower,
	// whose chains lag each in its own way, the timestamp of the newest block it
	// has.
	Time(token string) chain.Micros
}

// getTransaction is GET /v1/transactions/{id}.
func (s *server) getTransaction(c *gin.Context) error {
	id, contract, err := s.idOf(c)
	if err != nil {
		return err
	}
	expired, err := s.expiredBefore(c, contract)
	if err != nil {
		return err
	}
	outcome, err := find(c, s, func() (chain.Outcome, error) { return s.read.Transaction(contract.Token, id) })
	switch {
	case errors.Is(err, chain.NotFound) && expired:
		return s.sendExpired(c, contract, id)
	case errors.Is(err, chain.NotFound):
		return &problem.Error{Err: err, ID: id, Unknown: true}
	case err != nil:
		return err
	}
	resolved, err := s.resolved(contract, &outcome.Record)
	if err != nil {
		return err
	}
	info, err := s.read.Contract(contract.Token)
	if err != nil {
		return err
	}
	w := s.pool.get()
	defer s.pool.put(w)
	w.out = append(w.out, '{')
	if outcome.Refused != "" {
		w.out = jsonobject.AppendText(jsonobject.AppendHash(w.out, "id", id), "contract", contract.Token)
		w.out = decision.AppendRefusal(w.out, outcome.Refused)
	} else {
		w.out = decision.AppendTransaction(w.out, contract, &outcome, resolved)
		w.out = strconv.AppendBool(jsonobject.AppendKey(w.out, "in_block"), outcome.Block <= info.Length)
	}
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
}

// idOf reads the id in the path, and the contract that the query names.
func (s *server) idOf(c *gin.Context) (id chain.ID, contract *intake.Chain, err error) {
	if id, err = chain.ParseHash(c.Param("id")); err != nil {
		return id, nil, err
	}
	contract, err = s.contractOf(c)
	return id, contract, err
}

// transactionsPath is where transactions are read, each under its id.
const transactionsPath = "/v1/transactions/"

// location is where a transaction of a contract can be read again.
func (s *server) location(id []byte, token string) string {
	var buf [128]byte
	path := append(append(buf[:0], transactionsPath...), id...)
	if first, err := s.defaultToken(); err != nil || first != token {
		path = append(append(path, "?contract="...), token...)
	}
	return string(path)
}

// resolved is how a hold ended, as far as this replica knows.
func (s *server) resolved(contract *intake.Chain, r *chain.Record) (chain.Code, error) {
	if r.Kind != chain.Hold {
		return "", nil
	}
	hold, err := s.read.Hold(contract.Token, r.ID)
	return hold.Ended, err
}

// resolvedSince is resolved for the answer to a submission. Only a hold that
// was there before can have ended. It fails when this replica cannot tell.
func (s *memberServer) resolvedSince(c *gin.Context, contract *intake.Chain, o *chain.Outcome) (chain.Code, error) {
	if !o.Replay || o.Record.Kind != chain.Hold {
		return "", nil
	}
	if err := s.catchUp(c, o.AppliedIndex); err != nil {
		return "", err
	}
	return s.resolved(contract, &o.Record)
}

// expiredBefore tells whether the chain's time has reached ?expires=, which is
// when a transaction expires. It must be asked before the ledger is: what is
// not there at a later state than that will never be.
func (s *server) expiredBefore(c *gin.Context, contract *intake.Chain) (bool, error) {
	most := uint64(chain.MaxTimestamp.Seconds())
	expires, err := query.Uint(c, "expires", 0, most)
	if err != nil || expires == 0 {
		return false, err
	}
	if contract.Wallets != chain.SignedWallets {
		return false, fmt.Errorf("%w: nothing expires in an open contract", chain.InvalidField)
	}
	return s.read.Time(contract.Token) >= chain.Seconds(expires).Micros(), nil
}

// sendExpired answers for an id that is not there and can no longer come.
func (s *server) sendExpired(c *gin.Context, contract *intake.Chain, id chain.ID) error {
	return s.sendValue(c, http.StatusOK, struct {
		ID       chain.ID `json:"id"`
		Contract string   `json:"contract"`
		Status   string   `json:"status"`
	}{id, contract.Token, decision.Expired})
}
