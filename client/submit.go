package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/attempt"
)

// Transfer is a transaction of an open contract. Amount is in tokens, as text.
type Transfer struct {
	Contract  string      `json:"contract,omitempty"`
	Sender    string      `json:"sender"`
	Amount    json.Number `json:"amount"`
	Recipient string      `json:"recipient"`
	Memo      string      `json:"memo,omitempty"`
	Key       string      `json:"-"` // Idempotency-Key; drawn when empty
}

// Send submits a transfer of an open contract as Submit does a signed one. The
// result's Key is the one it was sent under: whoever repeats it after
// ErrOutcomeUnknown does so under that key, or it may happen twice.
func (c *Client) Send(ctx context.Context, t Transfer) (Result, error) {
	if t.Key == "" {
		t.Key = rand.Text()
	}
	id := chain.DeriveID([]byte(t.Key))
	body, err := json.Marshal(t)
	if err != nil {
		return Result{}, err
	}
	s := submission{
		Client: c, id: id,
		post: call{method: http.MethodPost, path: "/v1/transactions", key: t.Key, body: body, contract: t.Contract},
		look: c.statusCall(t.Contract, id, 0),
	}
	r, err := s.run(ctx)
	r.Key = t.Key
	return r, err
}

// Submit sends a signed transaction, and the same bytes again, to one server
// after the other until what became of it is known: the id makes sure that it
// happens once. Without an error it is in the ledger, pending or final (and may
// be a refund: Kind says). A *Problem, whose code errors.Is finds, is a refusal;
// the result's status is then refused or expired where the ledger has decided, and
// unknown where no server could take the request. When ctx ends first the error
// is ErrOutcomeUnknown if some attempt may have been applied, else
// ErrUnavailable, and nothing has happened.
func (c *Client) Submit(ctx context.Context, tx SignedTransaction) (Result, error) {
	if tx.ID.IsZero() || len(tx.fields) == 0 {
		return Result{}, ErrNotSigned
	}
	s := submission{
		Client: c, id: tx.ID,
		post: call{method: http.MethodPost, path: "/v1/transactions", body: tx.Encode(), contract: tx.Contract},
		look: c.statusCall(tx.Contract, tx.ID, tx.Expires),
	}
	return s.run(ctx)
}

// submission is one transaction on its way.
type submission struct {
	*Client
	id   chain.ID
	post call
	look call
	sent attempt.History
}

func (s *submission) run(ctx context.Context) (Result, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	for range attempt.Rounds(ctx) {
		r, err := s.round(ctx)
		switch {
		case err != nil:
			return s.unknown(), err
		case r.decided(s.id.String()):
			return r, r.refused()
		}
	}
	s.sent.Last = cmp.Or(s.sent.Last, ctx.Err())
	return s.unknown(), gaveUp(&s.sent)
}

func (s *submission) unknown() Result { return Result{ID: s.id.String(), Status: StatusUnknown} }

// round sends to every server once, and then, where something may have been
// applied, asks after the id: a server may be able to read when there is no
// leader to write to.
func (s *submission) round(ctx context.Context) (Result, error) {
	for number := range s.inTurn {
		if ctx.Err() != nil {
			return Result{}, nil
		}
		a := s.attempt(ctx, number, s.post)
		if r, err := s.judge(ctx, &a); err != nil || r.decided(s.id.String()) {
			return r, err
		}
	}
	for number := range s.inTurn {
		if !s.sent.Open || ctx.Err() != nil {
			break
		}
		a := s.attempt(ctx, number, s.look)
		if r, err := readStatus(s.id, a.Body, failure(&a)); err == nil && r.decided(s.id.String()) {
			return r, nil
		}
	}
	return Result{}, nil
}

// judge says what an attempt to send means. A result that is not decided says to
// go on.
func (s *submission) judge(ctx context.Context, a *attempt.Attempt) (r Result, final error) {
	switch a.Verdict {
	case attempt.Applied:
		err := json.Unmarshal(a.Body, &r)
		if err == nil && r.decided(s.id.String()) {
			return r, nil
		}
		a.Verdict = attempt.Unknown
		a.Err = fmt.Errorf("a success that is not about this transaction: %w", errors.Join(err, errAnswer))
	case attempt.Refused:
		if r, decided := refusal(s.id, a, s.sent.Open); decided {
			return r, nil
		}
		if a.Err != nil || !s.sent.Open {
			return Result{}, failure(a)
		}
	}
	s.sent.Note(ctx, a.Verdict, failure(a))
	return Result{}, nil
}

// errAnswer: an answer that does not say what became of the transaction.
var errAnswer = errors.New("client: the answer does not name the id and a status")
