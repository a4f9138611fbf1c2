package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

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
		w.out = appendRefusal(w.out, outcome.Refused)
	} else {
		w.out = appendTransaction(w.out, contract, &outcome, resolved)
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

// appendTransaction writes what was decided about a transaction: its place and
// its record as it stands, or will stand, in the block. resolved is how it ended
// if it is a hold.
func appendTransaction(dst []byte, contract *intake.Chain, o *chain.Outcome, resolved chain.Code) []byte {
	dst = jsonobject.AppendHash(dst, "id", o.Record.ID)
	dst = appendDecision(dst, &o.Record, resolved)
	dst = jsonobject.AppendText(dst, "contract", contract.Token)
	dst = jsonobject.AppendUint(dst, "block", o.Block)
	dst = jsonobject.AppendUint(dst, "position", uint64(o.Position))
	dst = chain.AppendRecord(jsonobject.AppendKey(dst, "record"), &o.Record, contract.Decimals)
	if o.AppliedIndex == 0 {
		return dst // a follower has no log
	}
	return jsonobject.AppendUint(dst, "applied_index", o.AppliedIndex)
}

// appendMoved writes, after the tutorial's message, what moved and where it
// stands. In an open contract, as in the tutorial, that is the same fields each
// time; a record of a signed one may be of any kind.
func appendMoved(dst []byte, contract *intake.Chain, o *chain.Outcome, resolved chain.Code) []byte {
	signed := contract.Wallets == chain.SignedWallets
	dst = jsonobject.AppendHash(dst, "id", o.Record.ID)
	if signed {
		dst = appendDecision(dst, &o.Record, resolved)
	}
	dst = jsonobject.AppendUint(dst, "block", o.Block)
	dst = jsonobject.AppendUint(dst, "position", uint64(o.Position))
	for _, amount := range [...]struct {
		key    string
		value  chain.Amount
		always bool
	}{
		{"amount", o.Record.Amount, false}, {"amount_send", o.Record.AmountSend, !signed}, {"amount_bpsc", o.Record.AmountBPSC, !signed},
		{"amount_receive", o.Record.AmountReceive, !signed}, {"amount_refund", o.Record.AmountRefund, false},
	} {
		if amount.value != 0 || amount.always {
			dst = chain.AppendAmount(jsonobject.AppendKey(dst, amount.key), amount.value, contract.Decimals)
		}
	}
	return jsonobject.AppendUint(dst, "applied_index", o.AppliedIndex)
}

// appendRefusal writes why the ledger moved nothing.
func appendRefusal(dst []byte, code chain.Code) []byte {
	dst = jsonobject.AppendText(dst, "status", statusRefused)
	dst = jsonobject.AppendText(dst, "code", string(code))
	return jsonobject.AppendText(dst, "detail", problem.MeaningOf(string(code)).Title)
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
	dst = jsonobject.AppendText(dst, "status", status)
	dst = jsonobject.AppendText(dst, "kind", string(r.Kind))
	if r.Reason != "" {
		dst = jsonobject.AppendText(dst, "reason", string(r.Reason))
	}
	if r.Kind == chain.Hold {
		dst = jsonobject.AppendUint(dst, "hold_until", uint64(r.HoldUntil))
	}
	if resolved != "" {
		dst = jsonobject.AppendText(dst, "resolved", string(resolved))
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
	}{id, contract.Token, statusExpired})
}
