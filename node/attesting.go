package node

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/witness"
)

// attesting is the part of a member that signs checkpoints.
type attesting struct {
	mu       sync.Mutex // others ask for this member's status while it starts
	attester *attest.Attester
	key      error // why the cluster does not take this member's key
}

// Ready says why this member signs nothing.
func (a *attesting) Ready() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.key != nil:
		return a.key
	case a.attester == nil:
		return errors.New("it starts")
	}
	return a.attester.Ready()
}

// refused notes that the cluster does not take this member's key. A key that is
// not the one announced before is for an operator to look at.
func (a *attesting) refused(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.key = fmt.Errorf("this member's key is not the one with which it began: put the member.key back that was kept then, or replace it: its log says how: %w", err)
}

// auditFolder is where a state that came from a snapshot is made again, see audit.Restored.
const auditFolder = "audit"

// prepareAttesting makes the attester; begin runs it.
func (m *Member) prepareAttesting() error {
	cfg := attest.DefaultConfig()
	cfg.Member, cfg.Key, cfg.Dir = m.identity(), m.key, m.path("attest")
	cfg.Leads, cfg.Logger, cfg.Fatal = m.cluster.Settled, m.log, m.contradicted
	cfg.Admitted = m.admitted
	if len(m.cfg.Witnesses) > 0 {
		client := witness.NewClient(m.certificates.trusted)
		m.opened(func() error { client.Close(); return nil })
		cfg.Witnesses = attestingWitnesses(client, m.cfg.Witnesses, m.policies().signed)
	}
	if name, err := m.store.Unaudited(); err != nil {
		return err
	} else if name == "" { // what an audit of a state has left that is not there any more
		if err := durable.RemoveAll(m.path(auditFolder)); err != nil {
			return err
		}
	}
	restored := audit.Restored{Store: m.store, Dir: m.path(auditFolder), Workers: max(1, runtime.GOMAXPROCS(0)/2), Logger: m.log, Fatal: m.distrust(m)}
	cfg.Audit = func(ctx context.Context, told func(string, uint64, uint64)) (map[string]error, error) {
		return restored.Run(ctx, told)
	}
	if err := durable.MkdirAll(cfg.Dir, 0o700); err != nil {
		return err
	}
	attester, err := attest.New(cfg, m.policies(), attestations{m})
	m.attest.mu.Lock()
	m.attest.attester = attester
	m.attest.mu.Unlock()
	return err
}

// attestations puts those of this member and its witnesses into the log, where
// they would be taken: one under another key than its signer has announced is an
// entry for nothing.
type attestations struct{ *Member }

// Attest adds an attestation of a chain.
func (a attestations) Attest(ctx context.Context, token string, said chain.Attestation) error {
	if known := a.store.Member(said.Member).Key; known != a.keyOf(said.Member) {
		return fmt.Errorf("%w: the key that the cluster knows of %s is %q", chain.AttestationWrong, said.Member, known)
	}
	return a.requests.Attest(ctx, token, said)
}

// Endorse adds this member's signature of a handover.
func (a attestations) Endorse(ctx context.Context, number int, member, cosignature string) error {
	return a.requests.Endorse(ctx, number, member, cosignature)
}

func (a attestations) keyOf(signer string) string {
	for _, witness := range a.cfg.Witnesses {
		if chain.WitnessID(witness.Name) == signer {
			return witness.Key.String()
		}
	}
	return a.key.String()
}

// attestingWitnesses are the witnesses as whoever attests knows them.
func attestingWitnesses(client *witness.Client, list []proof.Cosigner, handovers witness.Handovers) (all []attest.Witness) {
	for _, w := range list {
		all = append(all, attest.Witness{Name: w.Name, About: func() attest.Ask { return askWitness(witness.NewAsker(client, w, handovers)) }})
	}
	return all
}

// askWitness is what a witness says, in the words of whoever attests.
func askWitness(asker *witness.Asker) attest.Ask {
	return func(ctx context.Context, note []byte, stored tlog.HashReader) (string, error) {
		line, err := asker.Ask(ctx, note, stored)
		if errors.Is(err, witness.ErrRolledBack) || errors.Is(err, witness.ErrSecondHistory) {
			err = fmt.Errorf("%w: %w", attest.ErrContradicted, err)
		}
		return line, err
	}
}

// contradicted cuts this member off for what the attester has found: it has
// forgotten what it signed, or its state is wrong, and the others' is not.
func (m *Member) contradicted(err error) {
	if errors.Is(err, attest.ErrForgot) {
		m.cluster.WentBack(err)
		return
	}
	if err := durable.WriteFile(m.path(folder.Diverged), fmt.Appendln(nil, err), 0o600); err != nil {
		m.log.Error("cannot leave a mark", "file", folder.Diverged, "error", err)
	}
	m.fatal("this member stops and keeps its data for inspection; the others go on", err, divergedRemedy(m.rebuild()))
}
