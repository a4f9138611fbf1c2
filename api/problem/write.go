package problem

import (
	"context"
	"errors"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

// NoRecord is what an outcome without a record is to a client: refused by the
// ledger, not ordered, or not known. It is nil where there is one.
func NoRecord(draft *intake.Draft, o *chain.Outcome) error {
	switch {
	case o.Err != nil:
		return NoResult(draft, o.Err)
	case o.Refused != "":
		return &Error{Err: o.Refused, ID: draft.Tx.ID}
	}
	return nil
}

// NoResult says what is known about a write that got no result; draft is nil where it
// has no id to be sent again under. A context that ended says nothing about the log, so
// it counts as unknown.
func NoResult(draft *intake.Draft, err error) error {
	if _, own := outcome.Of(err); !own && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		err = fmt.Errorf("%w: %w", outcome.Unknown, err)
	}
	if draft == nil {
		return err
	}
	e := &Error{Err: err, ID: draft.Tx.ID, Key: draft.Drawn}
	if errors.Is(err, outcome.Unknown) {
		e.Detail = unknownOutcome
		if draft.Drawn != "" {
			e.Detail += ", which is that of the " + protocol.IdempotencyKey + " given here"
		}
	}
	return e
}

// unknownOutcome is what to do about an outcome that is not known.
const unknownOutcome = "It may have been applied: resubmit the same bytes with the same id"
