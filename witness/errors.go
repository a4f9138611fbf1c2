package witness

import (
	"errors"
	"fmt"
)

// Why there is no cosignature, for members that ask.
var (
	// ErrStale: the witness has another checkpoint than the proof begins with.
	// It comes as a *StaleError.
	ErrStale = errors.New("the witness has another checkpoint")
	// ErrRefused: the witness does not cosign this. It comes as a *RefusedError.
	ErrRefused = errors.New("the witness refuses")
	// ErrUnreachable: there is no answer now, perhaps later.
	ErrUnreachable = errors.New("the witness does not answer")
	// ErrBadAnswer: no witness answers so, or not the one with this key. The
	// address or the key in the policy is another's.
	ErrBadAnswer = errors.New("that is no answer of this witness")
	// ErrRolledBack: the witness has seen more blocks than there are. It comes as
	// a *RolledBackError.
	ErrRolledBack = errors.New("the witness has seen more blocks than there are")
	// ErrSecondHistory: the witness has seen other blocks than these. It never
	// cosigns this history, and nobody who trusts it may accept it.
	ErrSecondHistory = errors.New("this is a second history: the witness has seen other blocks of this chain and will never cosign these")
)

// StaleError tells which size to begin a proof with.
type StaleError struct {
	Size uint64 // of the newest checkpoint the witness cosigned; 0: none
}

// Error says which size that is.
func (e *StaleError) Error() string { return fmt.Sprintf("%v: it is at %d blocks", ErrStale, e.Size) }

// Unwrap is ErrStale.
func (e *StaleError) Unwrap() error { return ErrStale }

// RefusedError is a refusal with its reason.
type RefusedError struct {
	Status int    // of HTTP: 403 signatures, 404 origin, 422 proof; 400 or 409, and others
	Reason string // the witness's own words, quoted and cut
}

// Error says why.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%v: %d, %s", ErrRefused, e.Status, e.Reason)
}

// Unwrap is ErrRefused.
func (e *RefusedError) Unwrap() error { return ErrRefused }

// RolledBackError tells how many blocks are missing. A member that lags behind
// its cluster gets it too: it is the truth about the cluster only where Seen is
// more than the cluster has.
type RolledBackError struct {
	Seen uint64 // blocks, by the witness
	Have uint64 // blocks of the checkpoint
}

// Error is for the operator.
func (e *RolledBackError) Error() string {
	return fmt.Sprintf("this cluster went back in time: the witness has seen %d blocks, this cluster has %d. "+
		"It will not cosign until the cluster has the blocks up to %d again, the same ones: wait for the members that have them. "+
		"Other blocks in their place are a second history, which it never cosigns", e.Seen, e.Have, e.Seen)
}

// Unwrap is ErrRolledBack.
func (e *RolledBackError) Unwrap() error { return ErrRolledBack }
