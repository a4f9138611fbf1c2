package attest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bpsc/bpsc/chain"
)

// A state that was restored from a snapshot has balances, holds and ids that somebody
// else has come to. Before anything is signed by it, what its blocks come to is made again
// beside it and compared: see Config.Audit.

// audit is how far that is. The Attester's mu guards it.
type audit struct {
	name string // of the state
	done bool
	bad  map[string]error // by token, once done
	err  error            // why nothing is signed meanwhile; nil when nothing is audited
}

// watchRestored audits what was restored, whenever something was, until ctx ends.
func (a *Attester) watchRestored(ctx context.Context) {
	tick := time.NewTicker(a.cfg.Look)
	defer tick.Stop()
	pause := a.cfg.Every
	for ctx.Err() == nil {
		name, err := a.state.Unaudited()
		if err == nil && a.due(name) {
			if err = a.auditRestored(ctx, name); err == nil {
				pause = a.cfg.Every
			}
		}
		if err != nil && ctx.Err() == nil {
			a.cfg.Logger.Error("a state that was restored from a snapshot cannot be audited, and nothing is signed by it", "error", err)
			a.auditing(name, fmt.Errorf("this member signs nothing: its state came from a snapshot and cannot be audited: %w", err))
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, a.cfg.Patience)
			continue
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// due tells whether a state is to be audited, "" being none.
func (a *Attester) due(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if name == "" {
		a.audit = audit{}
		return false
	}
	return a.audit.name != name || !a.audit.done
}

// auditRestored audits a state, and notes what came of it.
func (a *Attester) auditRestored(ctx context.Context, name string) error {
	a.cfg.Logger.Info("the state came from a snapshot: what its blocks come to is made again before anything is signed by it", "state", name)
	a.auditing(name, errUnaudited)
	bad, err := a.cfg.Audit(ctx, func(token string, blocks, of uint64) {
		a.auditing(name, fmt.Errorf("this member signs nothing yet: its state came from a snapshot, and of %d blocks of %s %d are audited", of, token, blocks))
	})
	if err != nil {
		return err
	}
	if len(bad) == 0 {
		if err := a.state.SetAudited(name); err != nil {
			return err
		}
	}
	a.cfg.Logger.Info("the state that came from a snapshot was audited", "state", name, "bad", len(bad))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.audit = audit{name: name, done: true, bad: bad}
	return nil
}

// auditing notes how far the audit of a state is.
func (a *Attester) auditing(name string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.audit = audit{name: name, err: err}
}

// unaudited is why nothing is signed by a state that was restored, from the moment on in which it
// was, and not only once the audit has begun; nil where there is none, or its audit has ended. The
// caller holds mu.
func (a *Attester) unaudited() error {
	name, err := a.state.Unaudited()
	if err == nil && name != "" && a.audit.name != name {
		err = errUnaudited
	}
	if err != nil {
		return err
	}
	return a.audit.err
}

// relies tells whether what this member holds of a chain was decided by itself, or has
// been audited. An error is what is wrong with it.
func (a *Attester) relies(token string) (bool, error) {
	name, err := a.state.Unaudited()
	if name == "" || err != nil {
		return err == nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.audit.name != name || !a.audit.done {
		return false, nil
	}
	if bad := a.audit.bad[token]; bad != nil {
		return false, fmt.Errorf("a snapshot that this member was restored from: %w", bad)
	}
	return true, nil
}

var errUnaudited = errors.New("this member's state came from a snapshot and is being audited")

// reliesOnAll is the same for what is signed of all chains together.
func (a *Attester) reliesOnAll(infos []chain.Info) error {
	for _, info := range infos {
		ok, err := a.relies(info.Contract.Token)
		if err != nil {
			return err
		}
		if !ok {
			return errUnaudited
		}
	}
	return nil
}
