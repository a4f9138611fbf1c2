package attest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Ready says why this member signs nothing for some chain; nil when it does.
func (a *Attester) Ready() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, token := range slices.Sorted(maps.Keys(a.faults)) {
		return a.faults[token]
	}
	if err := a.unaudited(); err != nil {
		return err
	}
	if errors.Is(a.handoverErr, ErrWouldContradict) {
		return a.handoverErr
	}
	for _, who := range slices.SortedFunc(maps.Keys(a.witnessErrs), witnessOf.compare) {
		if err := a.witnessErrs[who]; errors.Is(err, ErrContradicted) {
			return fmt.Errorf("%s: %w", who.token, err)
		}
	}
	return nil
}

// fault ends the signing of one chain until an operator has looked.
func (a *Attester) fault(token string, err error) {
	a.unready(token, fmt.Errorf("this member signs no checkpoint of %s any more: %w", token, err))
}

// unready notes why this member signs nothing for a chain, and logs it; nil: it
// does again.
func (a *Attester) unready(token string, err error) {
	if a.note(token, err) {
		a.report(token, err)
	}
}

// note is unready without a log entry; it tells whether that is due.
func (a *Attester) note(token string, err error) (news bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		delete(a.faults, token)
		return false
	}
	before := a.faults[token]
	a.faults[token] = err
	return before == nil || before.Error() != err.Error()
}

func (a *Attester) report(token string, err error) {
	a.cfg.Logger.Error("this member signs nothing for a chain", "contract", token, "error", err)
}
