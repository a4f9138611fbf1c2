package command

import (
	"context"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/release"
)

// Result is what ordering one request came to: the log index of its entry and
// the machine's encoded answer, or why there is none.
type Result struct {
	Index uint64
	Data  []byte
	Err   error
}

// maxRequestTransactions and maxRequestBytes bound one request to the log, so
// that many share an entry and none waits long behind another.
const (
	maxRequestTransactions = 1000
	maxRequestBytes        = 128 << 10
)

// Requester puts encoded requests into the log, in the order given, and returns
// one result each. Its methods make the typed ones, for whoever takes them from
// outside.
type Requester func(ctx context.Context, requests [][]byte) []Result

// Submit orders transactions of one contract and returns one outcome each, in
// order.
func (q Requester) Submit(ctx context.Context, c *chain.Contract, txs []chain.Transaction) []chain.Outcome {
	outcomes := make([]chain.Outcome, len(txs))
	var few [1][]chain.Transaction // of most there is one
	runs := split(few[:0], txs)
	requests := make([][]byte, len(runs))
	for i, run := range runs {
		requests[i] = encodeIn(make([]byte, 0, len(c.Token)+sizeOf(run)), &Submit{Token: c.Token, Transactions: run})
	}
	rest := outcomes
	for i, answered := range q(ctx, requests) {
		n := len(runs[i])
		fillIn(rest[:n], runs[i], answered, c)
		rest = rest[n:]
	}
	return outcomes
}

// sizeOf is about what a run takes in a request: a little more than it does.
func sizeOf(run []chain.Transaction) int {
	size := 16
	for i := range run {
		size += transactionSize(&run[i])
	}
	return size
}

// split cuts transactions into runs that fit a request.
func split(runs [][]chain.Transaction, txs []chain.Transaction) [][]chain.Transaction {
	start, size := 0, 0
	for i := range txs {
		t := &txs[i]
		own := transactionSize(t)
		size += own
		if i > start && (i-start == maxRequestTransactions || size > maxRequestBytes) {
			runs = append(runs, txs[start:i])
			start, size = i, own
		}
	}
	return append(runs, txs[start:])
}

// transactionSize is about what a transaction takes in a request.
func transactionSize(t *chain.Transaction) int {
	size := 64 + len(t.Sender) + len(t.Recipient) + len(t.Memo)
	if t.Auth != nil {
		size += 256
	}
	return size
}

func fillIn(out []chain.Outcome, txs []chain.Transaction, answered Result, c *chain.Contract) {
	a, err := answered.decode()
	if err == nil && len(a.Outcomes) != len(txs) {
		err = fmt.Errorf("%d answers to %d transactions", len(a.Outcomes), len(txs))
	}
	if err != nil {
		failAll(out, err)
		return
	}
	for i, o := range a.Outcomes {
		out[i] = chain.Outcome{
			Block: o.Block, Position: o.Position, Refused: o.Refused,
			Replay: o.Replay, Completed: o.Completed, AppliedIndex: answered.Index,
		}
		switch {
		case o.Refused != "":
			out[i].Record.ID = txs[i].ID
			continue
		case o.Record != nil:
			out[i].Record, err = chain.DecodeRecord(o.Record, c.Decimals)
		default: // it follows from what was asked, and did not travel
			out[i].Record, err = chain.NewTransfer(c, &txs[i])
		}
		if err != nil {
			out[i] = chain.Outcome{Err: err}
		}
	}
}

func failAll(out []chain.Outcome, err error) []chain.Outcome {
	for i := range out {
		out[i] = chain.Outcome{Err: err}
	}
	return out
}

// decode returns the machine's answer, with a refusal of the whole request as
// an error that carries its code.
func (r Result) decode() (Answer, error) {
	if r.Err != nil {
		return Answer{}, r.Err
	}
	a, err := DecodeAnswer(r.Data)
	if err == nil && a.Refused != "" {
		err = refusal{a.Refused, a.Detail}
	}
	return a, err
}

// refusal is a refusal's code with the sentence that came with it.
type refusal struct {
	code   chain.Code
	detail string
}

func (r refusal) Error() string { return r.detail }
func (r refusal) Unwrap() error { return r.code }

// one orders a single request.
func (q Requester) one(ctx context.Context, r Request) (Answer, uint64, error) {
	answers := q(ctx, [][]byte{Encode(r)})
	a, err := answers[0].decode()
	return a, answers[0].Index, err
}

// Produce asks for a block now.
func (q Requester) Produce(ctx context.Context, token string) (chain.Produced, error) {
	a, index, err := q.one(ctx, &Produce{Token: token})
	return chain.Produced{Block: a.Block, AppliedIndex: index}, err
}

// CreateContract starts a chain and returns the log index of its start.
func (q Requester) CreateContract(ctx context.Context, c chain.Contract) (uint64, error) {
	return q.create(ctx, c, false)
}

// CreateDefault starts the first chain of a cluster, or fails with
// chain.ContractExists.
func (q Requester) CreateDefault(ctx context.Context, c chain.Contract) error {
	_, err := q.create(ctx, c, true)
	return err
}

func (q Requester) create(ctx context.Context, c chain.Contract, first bool) (uint64, error) {
	text, err := c.MarshalJSON()
	if err != nil {
		return 0, err
	}
	_, index, err := q.one(ctx, &Create{Contract: text, First: first})
	return index, err
}

// RegisterNodes adds nodes to the directory, for the network they come from,
// and returns the log index at which they are there.
func (q Requester) RegisterNodes(ctx context.Context, nodes []string, from string) (uint64, error) {
	_, index, err := q.one(ctx, &Register{Nodes: nodes, From: from})
	return index, err
}

// RemoveNode takes a node off the directory, or fails with chain.NotFound.
func (q Requester) RemoveNode(ctx context.Context, node string) (uint64, error) {
	_, index, err := q.one(ctx, &Remove{Node: node})
	return index, err
}

// Announce records where a member's API is and with which key it signs
// checkpoints, and which levels it knows. The first key a member announces is its key
// for ever.
func (q Requester) Announce(ctx context.Context, a Announce) error {
	_, _, err := q.one(ctx, &a)
	return err
}

// Activate puts the cluster on a level that this binary knows, and returns the log
// index from which it is.
func (q Requester) Activate(ctx context.Context, l release.Level) (uint64, error) {
	_, index, err := q.one(ctx, &Activate{Level: l, Release: l.Release()})
	return index, err
}

// MakeToken adds a token.
func (q Requester) MakeToken(ctx context.Context, m MakeToken) (uint64, error) {
	_, index, err := q.one(ctx, &m)
	return index, err
}

// RevokeToken ends a token and all that it has made, or fails with chain.TokenUnknown.
func (q Requester) RevokeToken(ctx context.Context, id, by string) (uint64, error) {
	_, index, err := q.one(ctx, &RevokeToken{ID: id, By: by})
	return index, err
}

// BeginAction notes in the audit log what somebody is about to do, and returns the
// number of the entry. It fails where that somebody may not, as the log has it.
func (q Requester) BeginAction(ctx context.Context, a auditlog.Action) (uint64, error) {
	answer, _, err := q.one(ctx, &Note{Action: a})
	return answer.Entry, err
}

// EndAction notes how that ended.
func (q Requester) EndAction(ctx context.Context, number uint64, result string) error {
	_, _, err := q.one(ctx, &Note{Of: number, Result: result})
	return err
}

// Attest adds an attestation of a chain.
func (q Requester) Attest(ctx context.Context, token string, a chain.Attestation) error {
	_, _, err := q.one(ctx, &Attest{Token: token, Attestation: a})
	return err
}

// Endorse adds a member's signature of the handover to a policy.
func (q Requester) Endorse(ctx context.Context, number int, member, cosignature string) error {
	_, _, err := q.one(ctx, &Endorse{Number: uint64(number), Member: member, Cosignature: cosignature})
	return err
}

// Recovered marks every chain where what was left of the cluster went on.
func (q Requester) Recovered(ctx context.Context, r Recovered) error {
	_, _, err := q.one(ctx, &r)
	return err
}
