package attest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
)

// ErrContradicted: a witness has seen more of a chain than this cluster has, or
// something else.
var ErrContradicted = errors.New("a witness has seen another history")

// Ask asks the witnesses for cosignatures of a checkpoint and returns those
// that verify, by the name of the witness; also beside an error, which is about
// the others, and which wraps ErrContradicted where one has seen another history.
// stored is the log of headers it is of.
type Ask func(ctx context.Context, note []byte, stored tlog.HashReader) (lines map[string]string, err error)

// watchWitnesses has each new checkpoint of a chain cosigned while this member
// leads, until ctx ends.
func (a *Attester) watchWitnesses(ctx context.Context, token string) {
	last := uint64(0) // size that every witness has cosigned
	doubt := false    // a witness has just contradicted
	for ctx.Err() == nil {
		said, more, err := a.state.Attestations(token)
		if err != nil {
			return // the chain's own watcher says so
		}
		var again <-chan time.Time
		if a.cfg.Leads() {
			size, err := a.askWitnesses(ctx, token, said, last)
			// A new leader may not have heard yet of what the one before had
			// cosigned: only what is still so a while later counts.
			first := errors.Is(err, ErrContradicted) && !doubt
			doubt = errors.Is(err, ErrContradicted)
			if !first {
				a.noteWitnesses(token, err)
			}
			if err != nil {
				again = time.After(a.cfg.Patience)
			} else {
				last = size
			}
		} else {
			a.noteWitnesses(token, nil)
			doubt, again = false, time.After(a.cfg.Patience) // it may come to lead, and nobody speak
		}
		select {
		case <-ctx.Done():
		case <-more:
		case <-again:
		}
	}
}

// askWitnesses has the newest checkpoint cosigned, if it is newer than last, and
// returns its size. An error is why some witness has not cosigned it.
func (a *Attester) askWitnesses(ctx context.Context, token string, said []chain.Attestation, last uint64) (uint64, error) {
	info, err := a.state.Contract(token)
	if err != nil {
		return last, err
	}
	members := Quorum{Members: a.cfg.Quorum.Members, Majority: a.cfg.Quorum.Majority}
	note, c, err := members.Newest(&info, said)
	if errors.Is(err, chain.NotFound) || err == nil && c.Size <= last {
		return last, nil
	}
	if err != nil {
		return last, err
	}
	lines, failed := a.cfg.Witnesses(ctx, note, a.state.LogHashes(token))
	for name, line := range lines {
		word := chain.Attestation{Member: chain.WitnessID(name), Size: c.Size, Root: c.Root, Cosignature: line}
		if err := a.log.Attest(ctx, token, word); err != nil {
			failed = errors.Join(failed, fmt.Errorf("witness %s: %w", name, err))
		}
	}
	return c.Size, failed
}

// noteWitnesses says what the witnesses complain of, once, and keeps for Ready
// what an operator has to look at: a witness that is down is not that.
func (a *Attester) noteWitnesses(token string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.complaints[token]
	a.complaints[token] = err
	if err != nil && (before == nil || before.Error() != err.Error()) {
		a.cfg.Logger.Error("not every witness cosigns", "contract", token, "error", err)
	}
}
