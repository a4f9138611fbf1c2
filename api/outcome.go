package api

import (
	"context"
	"errors"
	"fmt"

	"github.com/bpsc/bpsc/chain"
)

// failure is what an outcome without a record is to a client: refused by the
// ledger, not ordered, or not known.
func (sub *submission) failure(o *chain.Outcome) error {
	switch {
	case o.Err != nil:
		return writeError(o.Err, sub)
	case o.Refused != "":
		return &detailed{err: o.Refused, id: sub.tx.ID}
	}
	return nil
}

// writeError says what is known about a write that got no result. A context
// that ended says nothing about the log, so it counts as unknown.
func writeError(err error, sub *submission) error {
	var own Error
	if !errors.As(err, &own) && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	if sub == nil {
		return err
	}
	d := &detailed{err: err, id: sub.tx.ID, key: sub.drawn}
	if errors.Is(err, ErrOutcomeUnknown) {
		d.detail = unknownOutcome
		if sub.drawn != "" {
			d.detail += ", which is that of the " + headerKey + " given here"
		}
	}
	return d
}

// unknownOutcome is what to do about an outcome that is not known.
const unknownOutcome = "It may have been applied: resubmit the same bytes with the same id"

// inTutorialWords replaces the detail where the tutorial has a sentence.
func inTutorialWords(err error) error {
	if errors.Is(err, chain.MissingValues) {
		return withDetail(chain.MissingValues, missingValues)
	}
	return err
}
