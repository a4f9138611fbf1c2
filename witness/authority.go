package witness

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/recoveries"
)

// authority is a Log as the witness uses it.
type authority struct {
	name   string
	pinned map[string]bool // origins; none: any of these members

	// policies are without witnesses: this is one, and asks no other.
	policies atomic.Pointer[proof.History]
	mu       sync.Mutex // held from the look at the newest policy until the next is on the disk
}

func (w *Witness) policiesDir() string { return filepath.Join(w.dir, "policies") }

// policiesPath is the file of the policies that came after the first of a log.
func (w *Witness) policiesPath(first *proof.Policy) string {
	return filepath.Join(w.policiesDir(), first.Hash().String()[:32]+".history")
}

// loadPolicies makes the authorities, with the policies that they have come to.
func (w *Witness) loadPolicies(cfg Config) (err error) {
	if w.accepted, err = recoveries.Remember(filepath.Join(w.policiesDir(), "recoveries.json"), cfg.AcceptRecovery); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	for _, l := range cfg.Logs {
		given := l.Policies.First()
		majority, _ := given.Required()
		first, err := proof.NewPolicy(given.Members(), majority, nil, 0, given.Chains()...)
		if err != nil {
			return fmt.Errorf("witness: log %q: %w", l.Name, err)
		}
		a := &authority{name: l.Name, pinned: map[string]bool{}}
		for _, c := range given.Chains() {
			a.pinned[proof.Origin(c.Token, c.ID)] = true
		}
		h := proof.NewHistory(first)
		if h, err = w.extend(h, []byte(l.Policies.String())); err != nil {
			return fmt.Errorf("witness: log %q: %w", l.Name, err)
		}
		text, err := os.ReadFile(w.policiesPath(first))
		if err == nil {
			h, err = w.extend(h, text)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("witness: %s: %w", w.policiesPath(first), err)
		}
		a.policies.Store(h)
		w.warnStopped(a)
		w.authorities = append(w.authorities, a)
	}
	return nil
}

// extend adds the handovers in the text of a history that follow.
func (w *Witness) extend(h *proof.History, text []byte) (*proof.History, error) {
	_, notes, err := proof.SplitHistory(text)
	if err != nil {
		return nil, err
	}
	for _, note := range notes {
		next, err := h.Extend(note, w.accepted)
		switch {
		case errors.Is(err, proof.ErrHandoverOrder): // it is known already
		case err != nil:
			return nil, err
		default:
			h = next
		}
	}
	return h, nil
}

// takeOver takes a signed handover, and answers with the number of the newest
// policy of its log, or with a *refusal. Several logs may be of the same members.
func (w *Witness) takeOver(note []byte) (string, error) {
	said, err := proof.ReadHandover(note)
	if err != nil {
		return "", refuse(http.StatusBadRequest, "malformed handover: %v", err)
	}
	var taken *authority
	var reasons []error
	for _, a := range w.authorities {
		switch err := w.takeOverBy(a, said, note); {
		case err == nil:
			taken = a
		case !errors.Is(err, proof.ErrHandoverOrder):
			reasons = append(reasons, err)
		}
	}
	switch {
	case taken != nil:
		return fmt.Sprint(taken.policies.Load().Number()), nil
	case len(reasons) == 0:
		return "", refuse(http.StatusNotFound, "the policy before is of no log here")
	}
	var refused *refusal
	if errors.As(reasons[0], &refused) {
		return "", refused
	}
	return "", refuse(http.StatusForbidden, "%v", errors.Join(reasons...))
}

// takeOverBy takes a handover of the members of one log. It is on the disk before.
func (w *Witness) takeOverBy(a *authority, said proof.Handover, note []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.policies.Load()
	if slices.ContainsFunc(before.Stages(), func(s proof.Stage) bool { return s.Handover != nil && s.Handover.Hash() == said.Hash() }) {
		return nil
	}
	next, err := before.Extend(note, w.accepted)
	if err != nil {
		return err
	}
	met, stopped := next.Stopped()
	if known, was := before.Stopped(); stopped && was && known.Hash() == met.Hash() {
		return recoveryRefused(&met)
	}
	if err := w.Ready(); err != nil {
		return refuse(http.StatusServiceUnavailable, "%v", err)
	}
	if err := durable.WriteFile(w.policiesPath(next.First()), []byte(next.String()), 0o600); err != nil {
		// It may be there or not; sent again, it is written again.
		w.logger.Error("a handover could not be written", "log", a.name, "error", err)
		return refuse(http.StatusServiceUnavailable, "the witness cannot write")
	}
	a.policies.Store(next)
	if stopped {
		w.warnStopped(a)
		return recoveryRefused(&met)
	}
	w.logger.Warn("the members of a log have changed, as those before them have signed", "log", a.name, "policy", next.Number(), "where", said.Where())
	return nil
}

// recoveryRefused is the answer to a recovery that nobody here has accepted.
func recoveryRefused(h *proof.Handover) error {
	return refuse(http.StatusForbidden, "%v: the operator of this witness has to accept the handover %s first", proof.ErrRecovery, h.Hash())
}

// warnStopped says that a log waits at a recovery.
func (w *Witness) warnStopped(a *authority) {
	if h, stopped := a.policies.Load().Stopped(); stopped {
		w.logger.Error("a cluster lost its majority, and somebody went on without it; nothing after that is cosigned until this witness is started with --accept-recovery and the hash, or with the new policy",
			"log", a.name, "where", h.Where(), "by", h.Recovery.By, "reason", h.Recovery.Reason,
			"before", h.Recovery.Before, "after", h.Recovery.After, "hash", h.Hash())
	}
}
