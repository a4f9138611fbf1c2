package api

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
)

// TransactionReader reads what was decided about transactions.
type TransactionReader interface {
	// Transaction fails with chain.NotFound or chain.ContractUnknown.
	Transaction(token string, id chain.ID) (chain.Outcome, error)
	// Time is a time, in unix microseconds, before which nothing will be decided
	// in that chain any more that is not to be read here yet: a member's machine
	// time; for a follower, whose chains lag each in its own way, the timestamp
	// of the newest block it has.
	Time(token string) int64
}

// What the id of a transaction is said to be. All but unknown and pending are
// terminal: they never change.
const (
	statusUnknown = "unknown" // not applied here; it may yet be
	statusPending = "pending" // a hold that nobody has decided
	statusFinal   = "final"
	statusRefused = "refused" // for good
	statusExpired = "expired" // never applied, and too late now
)

// appendDecision writes what became of a transaction, which may be of another
// kind than was asked for: a transfer can become a hold or a refund. resolved
// is how a hold ended, "" while it is open or where that is not known.
func appendDecision(dst []byte, r *chain.Record, resolved chain.Code) []byte {
	status := statusFinal
	if r.Kind == chain.Hold && resolved == "" {
		status = statusPending
	}
	dst = appendText(dst, "status", status)
	dst = appendText(dst, "kind", string(r.Kind))
	if r.Reason != "" {
		dst = appendText(dst, "reason", string(r.Reason))
	}
	if r.Kind == chain.Hold {
		dst = appendUint(dst, "hold_until", uint64(r.HoldUntil))
	}
	if resolved != "" {
		dst = appendText(dst, "resolved", string(resolved))
	}
	return dst
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
	const most = uint64(chain.MaxTimestamp / 1_000_000)
	expires, err := queryUint(c, "expires", 0, most)
	if err != nil || expires == 0 {
		return false, err
	}
	if contract.Wallets != chain.SignedWallets {
		return false, fmt.Errorf("%w: nothing expires in an open contract", chain.InvalidField)
	}
	return s.read.Time(contract.Token) >= int64(expires)*1_000_000, nil
}

// sendExpired answers for an id that is not there and can no longer come.
func (s *server) sendExpired(c *gin.Context, contract *intake.Chain, id chain.ID) error {
	w := s.pool.get()
	defer s.pool.put(w)
	w.out = appendHash(append(w.out, '{'), "id", id)
	w.out = appendText(w.out, "contract", contract.Token)
	w.out = appendText(w.out, "status", statusExpired)
	s.sendJSON(c, http.StatusOK, append(w.out, "}\n"...))
	return nil
}
