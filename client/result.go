package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/attempt"
	"github.com/bpsc/bpsc/internal/outcome"
)

// Status is what became of a transaction.
type Status string

// The statuses. One is for ever, but for these two: of what is unknown one may
// hear later, and what is pending becomes final.
const (
	StatusUnknown Status = "unknown" // the ledger has not seen the id; it still may
	StatusPending Status = "pending" // a hold that nobody has decided
	StatusFinal   Status = "final"   // in the ledger
	StatusRefused Status = "refused" // nothing moved, and never will under this id
	StatusExpired Status = "expired" // its time passed before it was applied
)

// Result is what is known about a transaction.
type Result struct {
	ID           string          `json:"id"`
	Key          string          `json:"key,omitempty"` // under which Send sent it
	Status       Status          `json:"status"`
	Contract     string          `json:"contract,omitempty"`
	Kind         chain.Kind      `json:"kind,omitempty"` // of the record: what was decided
	Block        uint64          `json:"block,omitempty"`
	Position     int             `json:"position,omitempty"`
	Reason       chain.Reason    `json:"reason,omitempty"`   // of a refund
	Resolved     string          `json:"resolved,omitempty"` // of a hold: how it ended
	HoldUntil    chain.Seconds   `json:"hold_until,omitempty"`
	Code         string          `json:"code,omitempty"`   // why it was refused
	Detail       string          `json:"detail,omitempty"` // the same in words
	Record       json.RawMessage `json:"record,omitempty"`
	AppliedIndex uint64          `json:"applied_index,omitempty"`
}

// decided reports whether r says what became of the transaction id.
func (r *Result) decided(id string) bool {
	switch r.Status {
	case StatusPending, StatusFinal, StatusRefused, StatusExpired:
		return r.ID == id
	}
	return false
}

// refused is the error of a transaction that the ledger has decided against.
func (r *Result) refused() error {
	if r.Status != StatusRefused && r.Status != StatusExpired {
		return nil
	}
	return &Problem{Status: http.StatusUnprocessableEntity, Code: cmp.Or(r.Code, string(r.Status)), Detail: cmp.Or(r.Detail, string(r.Status))}
}

// Status asks what became of an id. With expires, the one that was signed, it
// can also say that the time for it has passed; 0 leaves that open.
func (c *Client) Status(ctx context.Context, contract string, id chain.ID, expires chain.Seconds) (Result, error) {
	answer, err := c.do(ctx, c.statusCall(contract, id, expires))
	return readStatus(id, answer, err)
}

func (c *Client) statusCall(contract string, id chain.ID, expires chain.Seconds) call {
	return c.stateCall("/v1/transactions/"+id.String(), contract, "expires", number(expires))
}

// readStatus makes a result of the answer to a statusCall. That the id is not
// found is an answer, too.
func readStatus(id chain.ID, answer []byte, err error) (Result, error) {
	unknown := Result{ID: id.String(), Status: StatusUnknown}
	if errors.Is(err, chain.NotFound) {
		return unknown, nil
	}
	if err != nil {
		return unknown, err
	}
	r := Result{}
	if err := json.Unmarshal(answer, &r); err != nil {
		return unknown, err
	}
	if r.Status == StatusUnknown || r.decided(id.String()) {
		return r, nil
	}
	return unknown, errors.New("client: the answer is not about this transaction")
}

// elsewhere are the codes of a node that cannot deal with a request where another
// may.
var elsewhere = []string{string(chain.ContractUnknown), string(chain.NotFound), string(attempt.CodeForeign),
	string(outcome.PathUnknown), string(outcome.MethodNotAllowed), string(outcome.OtherChain)}

// refusal is the result of a refusal that is the ledger's decision. What only
// says that a server cannot deal with the request is none, and neither is, once an
// attempt may have been applied (open), what names no id: that server has not
// looked into the ledger, and can say nothing of that attempt.
func refusal(id chain.ID, a *attempt.Attempt, open bool) (r Result, decided bool) {
	p := &a.Problem
	if a.Err != nil || p.Status >= http.StatusInternalServerError || slices.Contains(elsewhere, p.Code) {
		return r, false
	}
	if p.ID != id.String() && (open || p.ID != "") {
		return r, false
	}
	r = Result{ID: id.String(), Status: StatusRefused, Code: p.Code, Detail: p.Detail + clockNote(chain.Seconds(p.ChainTime), time.Now())}
	if p.Code == string(chain.Expired) {
		r.Status = StatusExpired
	}
	return r, true
}
