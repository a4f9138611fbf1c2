// Package intake turns the bytes of a request into what is ordered: bytes are
// read strictly, fields are checked as far as they can be without the ledger's
// state, and signatures are verified. It knows nothing of HTTP.
package intake

import (
	"errors"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
	"github.com/bpsc/bpsc/internal/outcome"
)

// Reader reads the bodies of requests, one at a time. It is memory that is used
// again: the zero Reader is ready. What it returns is good until the next body, or
// until Trim.
type Reader struct {
	scan   pyjson.Scanner
	drafts []Draft
	checks []check
	signed []byte // what the signatures of the drafts are over
	random [32]byte
	drawn  [2 * 32]byte // random, as the text of a key
}

// Trim lets go of what the last body said, and of memory that a large one took.
func (r *Reader) Trim() {
	clear(r.drafts)
	clear(r.checks)
	r.drafts, r.checks = r.drafts[:0], r.checks[:0]
	if cap(r.drafts) > maxKeptDrafts {
		r.drafts, r.checks, r.signed = nil, nil, nil
	}
}

// Object reads a body that must be one object: member reads the value of a key,
// or leaves it to be skipped.
func (r *Reader) Object(body []byte, member func(s *pyjson.Scanner, key string) error) error {
	r.scan = *pyjson.NewScanner(body)
	s := &r.scan
	var wrong, err error
	if kind := s.Peek(); kind == pyjson.KindObject || kind == pyjson.KindInvalid {
		err = s.Object(func(key string) error { return member(s, key) })
	} else {
		wrong = fmt.Errorf("%w: the body must be a JSON object", chain.InvalidField)
		_, err = s.Raw()
	}
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return JSONError(err)
	}
	return wrong
}

// JSONError gives an error of the scanner its code. An error that has one
// already keeps it.
func JSONError(err error) error {
	switch {
	case errors.Is(err, pyjson.ErrUTF8), errors.Is(err, pyjson.ErrSurrogate):
		return fmt.Errorf("%w: %w", chain.InvalidUTF8, err)
	case errors.Is(err, pyjson.ErrSyntax), errors.Is(err, pyjson.ErrDuplicateKey),
		errors.Is(err, pyjson.ErrRange), errors.Is(err, pyjson.ErrNotFinite),
		errors.Is(err, pyjson.ErrDepth), errors.Is(err, pyjson.ErrTrailing):
		return fmt.Errorf("%w: %w", outcome.InvalidJSON, err)
	}
	return err
}

// WrongKind says what a field should have been.
func WrongKind(field, want string) error {
	return fmt.Errorf("%w: %s must be %s", chain.InvalidField, field, want)
}

// UnknownKey refuses a field that a body must not have.
func UnknownKey(key string) error {
	return fmt.Errorf("%w: unknown field %q", chain.InvalidField, Echo(key))
}

// Echo shortens a client's own text for a message.
func Echo(text string) string {
	if len(text) <= MaxEcho {
		return text
	}
	return text[:MaxEcho] + "…"
}

// Contract reads the parameters of a new chain. What is not JSON is told apart
// from what is not a contract.
func (r *Reader) Contract(body []byte) (chain.Contract, error) {
	if err := r.Object(body, func(*pyjson.Scanner, string) error { return nil }); err != nil {
		return chain.Contract{}, err
	}
	contract, err := chain.DecodeNewContract(body)
	var code chain.Code
	if err == nil || errors.As(err, &code) && !errors.Is(err, pyjson.ErrKind) {
		return contract, err
	}
	return contract, fmt.Errorf("%w: %w", chain.ContractInvalid, err)
}
