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
	for _, who := range slices.SortedFunc(maps.Keys(a.complaints), complainant.compare) {
		if err := a.complaints[who]; errors.Is(err, ErrContradicted) {
			return fmt.Errorf("%s: %w", who.token, err)
		}
	}
	return nil
}

// fault ends the signing of one chain until an operator has looked.
func (a *Attester) fault(token string, err error) {
	a.unready(token, fmt.Errorf("this member signs no checkpoint of %s any more: %w", token, err))
}

// unready notes why this member signs nothing for a chain; nil: it does again.
func (a *Attester) unready(token string, err error) {
	a.mu.Lock()
	before := a.faults[token]
	if err == nil {
		delete(a.faults, token)
	} else {
		a.faults[token] = err
	}
	a.mu.Unlock()
	if err != nil && (before == nil || before.Error() != err.Error()) {
		a.cfg.Logger.Error("this member signs nothing for a chain", "contract", token, "error", err)
	}
}
