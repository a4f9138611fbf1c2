package relay

import "errors"

var (
	// ErrNoUpstream: no upstream took the request; it has no effect.
	ErrNoUpstream = errors.New("relay: no upstream took the request")
	// ErrOutcomeUnknown: the request may have an effect. It comes as an
	// *UnknownOutcome.
	ErrOutcomeUnknown = errors.New("relay: outcome unknown")
	// ErrLoop: the request has been through too many relays, which may well be
	// the same ones again; it has no effect. Answer it with StatusLoop, so that
	// the relays before this one do not try again.
	ErrLoop = errors.New("relay: too many relays on the way")
)

// UnknownOutcome says that a request may have an effect.
type UnknownOutcome struct {
	// Key is the Idempotency-Key that the relay drew for a transaction that
	// came without: under it the same body can be sent again. It is empty where
	// none was drawn.
	Key string
	// Err is what the last attempt ran into.
	Err error
}

func (u *UnknownOutcome) Error() string {
	return ErrOutcomeUnknown.Error() + ": " + u.Err.Error()
}

// Unwrap makes it an ErrOutcomeUnknown.
func (u *UnknownOutcome) Unwrap() []error { return []error{ErrOutcomeUnknown, u.Err} }
