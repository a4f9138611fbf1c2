package attest

import (
	"cmp"
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

// Witness is somebody who may cosign checkpoints.
type Witness struct {
	Name string
	// About returns how to ask it about one chain. Each is called by one goroutine.
	About func() Ask
}

// Ask asks a witness for its cosignature of a checkpoint and returns the line of
// it, verified. An error wraps ErrContradicted where the witness has seen another
// history. stored is the log of headers that the checkpoint is of.
type Ask func(ctx context.Context, note []byte, stored tlog.HashReader) (line string, err error)

// watchWitness has each new checkpoint of a chain cosigned by one witness while
// this member leads, until ctx ends. Each witness has a goroutine for it, or one
// that hangs would hold up the attestations of the others.
func (a *Attester) watchWitness(ctx context.Context, token string, w Witness) {
	ask := w.About()
	last := uint64(0)   // size that it has cosigned
	var since time.Time // when it contradicted first, of times in a row; zero: it did not
	for ctx.Err() == nil {
		attestations, more, err := a.state.Attestations(token)
		if err != nil {
			return // the chain's own watcher says so
		}
		var again <-chan time.Time
		if a.cfg.Leads() {
			size, err := a.askWitness(ctx, token, w.Name, ask, attestations, last)
			// A new leader may not have heard yet of what the one before had
			// cosigned: only what is still so a while later counts, however often
			// it was asked meanwhile.
			if !errors.Is(err, ErrContradicted) {
				since = time.Time{}
			} else if since.IsZero() {
				since = time.Now()
			}
			if since.IsZero() || time.Since(since) >= a.cfg.Patience {
				a.noteWitness(witnessOf{token, w.Name}, err)
			}
			if err != nil {
				again = time.After(a.cfg.Patience)
			} else {
				last = size
			}
		} else {
			a.noteWitness(witnessOf{token, w.Name}, nil)
			since, again = time.Time{}, time.After(a.cfg.Patience) // it may come to lead, and nobody attest
		}
		select {
		case <-ctx.Done():
		case <-more:
		case <-again:
		}
	}
}

// askWitness has the newest checkpoint cosigned, if it is newer than last, and
// returns its size.
func (a *Attester) askWitness(ctx context.Context, token, name string, ask Ask, attestations []chain.Attestation, last uint64) (uint64, error) {
	info, err := a.state.Contract(token)
	if err != nil {
		return last, err
	}
	members := func(size uint64) Quorum { return a.state.Quorum(token, size).ofMembers() }
	note, c, err := Newest(members, &info, attestations)
	if errors.Is(err, chain.NotFound) || err == nil && c.Size <= last {
		return last, nil
	}
	if err != nil {
		return last, err
	}
	stored := a.state.LogHashes(token)
	if note, err = AsLog(note, a.cfg.Key, stored); err != nil {
		return last, err
	}
	line, err := ask(ctx, note, stored)
	if err != nil {
		return last, err
	}
	cosigned := chain.Attestation{Member: chain.WitnessID(name), Size: c.Size, Root: c.Root, Cosignature: line}
	if err := a.log.Attest(ctx, token, cosigned); err != nil {
		return last, fmt.Errorf("witness %s: %w", name, err)
	}
	return c.Size, nil
}

// witnessOf is a witness of one chain.
type witnessOf struct{ token, witness string }

func (c witnessOf) compare(d witnessOf) int {
	return cmp.Or(cmp.Compare(c.token, d.token), cmp.Compare(c.witness, d.witness))
}

// noteWitness logs why a witness does not cosign, once, and keeps for Ready what an
// operator has to look at: a witness that is down is not that.
func (a *Attester) noteWitness(who witnessOf, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.witnessErrs[who]
	a.witnessErrs[who] = err
	if err != nil && (before == nil || before.Error() != err.Error()) {
		a.cfg.Logger.Error("not every witness cosigns", "contract", who.token, "error", err)
	}
}
