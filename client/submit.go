package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Submit sends a signed transaction, and the same bytes again, to one server
// after the other until what became of it is known: the id makes sure that it
// happens once. The result's status is then pending, final, refused (with
// Code) or expired, and the error nil. When ctx ends first the error is
// ErrOutcomeUnknown if some attempt may have been applied, else ErrUnavailable
// and nothing has happened. A *Problem is a request that no server could take.
func (c *Client) Submit(ctx context.Context, tx SignedTransaction) (Result, error) {
	if tx.ID.IsZero() || tx.Signature == "" {
		return Result{}, ErrNotSigned
	}
	body, err := tx.Encode()
	if err != nil {
		return Result{}, err
	}
	s := submission{
		Client: c, tx: &tx,
		post: call{method: http.MethodPost, path: "/v1/transactions", body: body, again: true},
		look: statusCall(tx.Contract, tx.ID, tx.Expires),
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if r, err := s.round(ctx); err != nil || r.decided(tx.ID.String()) {
			return r, err
		}
		if !wait(ctx, pause) {
			return Result{ID: tx.ID.String(), Status: StatusUnknown}, gaveUp(s.open, cmp.Or(s.last, ctx.Err()))
		}
	}
}

// submission is one call of Submit.
type submission struct {
	*Client
	tx   *SignedTransaction
	post call
	look call
	open bool  // some attempt may have been applied
	last error // why the last attempt did not tell
}

// round sends to every server once, and then, where something may have been
// applied, asks after the id: a server may be able to read when there is no
// leader to write to.
func (s *submission) round(ctx context.Context) (Result, error) {
	for _, server := range s.servers {
		if ctx.Err() != nil {
			return Result{}, nil
		}
		answer, err := s.attempt(ctx, server, s.post)
		if r, err := s.judge(answer, err); err != nil || r.decided(s.tx.ID.String()) {
			return r, err
		}
	}
	for _, server := range s.servers {
		if !s.open || ctx.Err() != nil {
			break
		}
		answer, err := s.attempt(ctx, server, s.look)
		if r, err := readStatus(s.tx.ID, answer, err); err == nil && r.decided(s.tx.ID.String()) {
			return r, nil
		}
	}
	return Result{}, nil
}

// judge says what the answer to an attempt to send means. A result that is not
// decided says to go on. What is not the answer of a ledger may come from
// something between, after the ledger has applied it.
func (s *submission) judge(answer []byte, err error) (r Result, final error) {
	var p *Problem
	switch {
	case err == nil:
		if err = json.Unmarshal(answer, &r); err == nil && r.decided(s.tx.ID.String()) {
			return r, nil
		}
		err = fmt.Errorf("%w: a success that is not about this transaction: %w", ErrOutcomeUnknown,
			errors.Join(err, errAnswer))
	case errors.Is(err, ErrOutcomeUnknown), errors.Is(err, ErrUnavailable):
	case errors.As(err, &p):
		if r, decided := refusal(s.tx.ID, p); decided {
			return r, nil
		}
		if p.Status < http.StatusInternalServerError && !s.open {
			return Result{}, p
		}
		if p.Status >= http.StatusInternalServerError {
			err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, p)
		}
	default:
		return Result{}, err
	}
	s.open = s.open || errors.Is(err, ErrOutcomeUnknown)
	s.last = err
	return Result{}, nil
}

// errAnswer: an answer that does not say what became of the transaction.
var errAnswer = errors.New("client: the answer does not name the id and a status")
