package attest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
)

// Handover is a handover to a policy, and who signs it.
type Handover struct {
	proof.Handover
	Signers  []string // identities of those who may
	Needed   int      // how many of them it takes
	Endorsed []string // who has
}

// handoverJournal is the file in which a member remembers the handovers it has signed. Its
// name is no chain's.
const handoverJournal = "handovers.sealed"

// endorsed is what that file holds: by its number, the hash of each handover.
type endorsed struct {
	Handovers map[int]chain.Hash `json:"handovers"`
}

// watchHandovers signs the handovers that are for this member to sign, until ctx ends.
func (a *Attester) watchHandovers(ctx context.Context) {
	for ctx.Err() == nil {
		all, more, err := a.state.Handovers()
		if err == nil {
			err = a.endorseAll(ctx, all)
		}
		if errors.Is(err, ErrForgot) {
			a.cfg.Fatal(err)
		}
		var again <-chan time.Time
		if a.noteHandover(err); err != nil {
			again = time.After(a.cfg.Patience)
		}
		select {
		case <-ctx.Done():
		case <-more:
		case <-again:
		}
	}
}

// endorseAll signs each handover that lacks signatures, and this member's among them. One
// from long ago may, where members changed faster than they signed.
func (a *Attester) endorseAll(ctx context.Context, all []Handover) error {
	for _, h := range all {
		if len(h.Endorsed) >= h.Needed || slices.Contains(h.Endorsed, a.cfg.Member) || !slices.Contains(h.Signers, a.cfg.Member) {
			continue
		}
		if a.state.Removed(a.cfg.Member) {
			return nil
		}
		if err := a.endorse(ctx, h); err != nil {
			return fmt.Errorf("the handover to policy %d: %w", h.Number, err)
		}
	}
	return nil
}

// endorse signs a handover, once the journal has it, if the chains here are those that it
// speaks of.
func (a *Attester) endorse(ctx context.Context, h Handover) error {
	if err := a.reliesOnAll(a.state.Contracts()); err != nil {
		return err
	}
	for _, end := range h.Ends {
		info, err := a.state.Contract(end.Token)
		if err != nil {
			return err
		}
		if info.ID != end.ID || info.Length < end.Size {
			return fmt.Errorf("%w: it speaks of %d blocks of chain %s, here there are %d of %s",
				ErrWouldContradict, end.Size, end.ID, info.Length, info.ID)
		}
	}
	if err := a.rememberHandover(h); err != nil {
		return err
	}
	line, err := proof.Cosign(h.Body(), a.cfg.Key, chain.SecondsOf(a.cfg.Now()))
	if err != nil {
		return err
	}
	return a.log.Endorse(ctx, h.Number, a.cfg.Member, line)
}

// rememberHandover puts a handover into the journal, which refuses a second one of the
// same number.
func (a *Attester) rememberHandover(h Handover) error {
	path := filepath.Join(a.cfg.Dir, handoverJournal)
	signed := endorsed{Handovers: map[int]chain.Hash{}}
	if err := durable.ReadSealed(path, &signed); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unreadable(path, err)
	}
	switch before, known := signed.Handovers[h.Number]; {
	case !known:
		signed.Handovers[h.Number] = h.Hash()
		return durable.WriteSealed(path, signed)
	case before != h.Hash():
		return fmt.Errorf("%w: it has signed another handover of that number, of hash %s", ErrWouldContradict, before)
	}
	return nil
}

// noteHandover logs why this member's signature of a handover is not in the log, once,
// and keeps for Ready what an operator has to look at.
func (a *Attester) noteHandover(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.handoverErr
	a.handoverErr = err
	if err != nil && (before == nil || before.Error() != err.Error()) {
		a.cfg.Logger.Warn("a handover is not signed by this member yet", "error", err)
	}
}
