package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/witness"
)

// signingKey is the key in a file, made when there is none. Whoever has the
// file speaks for its owner: a member, or a witness, whose keys have names of
// their own.
func signingKey(path, group, owner string) (proof.SigningKey, error) {
	name, err := proof.KeyName(group, owner)
	if err != nil {
		return proof.SigningKey{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	k, err := readSigningKey(path, name)
	if errors.Is(err, os.ErrNotExist) {
		return newSigningKey(path, name)
	}
	return k, err
}

// checkSigningKey finds what signingKey would, and writes nothing.
func checkSigningKey(path, group, owner string) error {
	name, err := proof.KeyName(group, owner)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if _, err := readSigningKey(path, name); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func readSigningKey(path, name string) (proof.SigningKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return proof.SigningKey{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return proof.SigningKey{}, err
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return proof.SigningKey{}, fmt.Errorf("%s can be read by others (mode %04o): chmod 600 it, and replace the key if somebody may have read it", path, info.Mode().Perm())
	}
	k, err := proof.ParseSigningKey(string(text))
	if err == nil && k.Verifier().Name() != name {
		err = fmt.Errorf("it is the key of %s, not of %s", k.Verifier().Name(), name)
	}
	if err != nil {
		return proof.SigningKey{}, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

func newSigningKey(path, name string) (proof.SigningKey, error) {
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return proof.SigningKey{}, err
	}
	k, err := proof.NewSigningKey(name, seed)
	if err != nil {
		return proof.SigningKey{}, err
	}
	return k, durable.WriteFile(path, []byte(k.Encode()+"\n"), 0o600)
}

// attesting is the part of a member that signs checkpoints.
type attesting struct {
	client *witness.Client // nil: there are no witnesses to ask

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
	a.key = fmt.Errorf("this member's key is not the one with which it began: put the member.key back that was kept then: %w", err)
}

// prepareAttesting makes the attester; serve runs it.
func (s *server) prepareAttesting() error {
	quorum, err := s.quorum()
	if err != nil {
		return err
	}
	cfg := attest.DefaultConfig()
	cfg.Member, cfg.Quorum, cfg.Key = s.cfg.ID, quorum, s.key
	cfg.Dir = filepath.Join(s.cfg.Data, "attest")
	cfg.Leads, cfg.Logger, cfg.Fatal = s.member.IsLeader, s.log, s.distrusted
	if len(s.witnesses) > 0 {
		client, err := witness.NewClient(witness.DefaultClientConfig())
		if err != nil {
			return err
		}
		s.attest.client = client
		cfg.Witnesses = attestingWitnesses(client, s.witnesses)
	}
	if err := durable.MkdirAll(cfg.Dir, 0o700); err != nil {
		return err
	}
	attester, err := attest.New(cfg, s.store, words{s})
	s.attest.mu.Lock()
	s.attest.attester = attester
	s.attest.mu.Unlock()
	return err
}

// words puts the words of this member and its witnesses into the log, where they
// would be taken: one under another key than its speaker has announced is an
// entry for nothing.
type words struct{ *server }

// Attest adds a word on a chain.
func (w words) Attest(ctx context.Context, token string, a chain.Attestation) error {
	if known := w.store.Member(a.Member).Key; known != w.keyOf(a.Member) {
		return fmt.Errorf("%w: the key that the cluster knows of %s is %q", chain.AttestationWrong, a.Member, known)
	}
	return w.requests.Attest(ctx, token, a)
}

func (w words) keyOf(speaker string) string {
	for _, witness := range w.witnesses {
		if chain.WitnessID(witness.Name) == speaker {
			return witness.Key.String()
		}
	}
	return w.key.String()
}

// quorum is whose word on a checkpoint counts.
func (s *server) quorum() (q attest.Quorum, err error) {
	peers, err := s.cfg.peers()
	for _, p := range peers {
		q.Members = append(q.Members, p.ID)
	}
	slices.Sort(q.Members)
	q.Majority, q.Required = proof.Majority(len(peers)), s.cfg.WitnessQuorum
	for _, w := range s.witnesses {
		q.Witnesses = append(q.Witnesses, w.Name)
	}
	return q, err
}

// divergedFile keeps a member whose state is not that of the majority from
// starting before somebody has looked.
const divergedFile = "DIVERGED"

// distrusted ends the process for what the attester has found.
func (s *server) distrusted(err error) {
	if errors.Is(err, attest.ErrForgot) {
		s.member.WentBack(err)
		return
	}
	s.diverged(err)
}

// diverged ends the process: this member's state is wrong, the others' is not.
func (s *server) diverged(err error) {
	text := fmt.Sprintf("%v\n", err)
	s.log.Error("this member stops and keeps its data for inspection; the others go on", "error", err,
		"what to do", divergedRemedy(s.cfg.Data))
	if err := durable.WriteFile(filepath.Join(s.cfg.Data, divergedFile), []byte(text), 0o600); err != nil {
		s.log.Error("cannot leave a mark", "file", divergedFile, "error", err)
	}
	s.exit(exitFatal)
}

func refuseDiverged(data string) error {
	text, err := os.ReadFile(filepath.Join(data, divergedFile))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w\n\n%s", fmt.Errorf("%s says: %s", divergedFile, text), divergedRemedy(data))
}

func divergedRemedy(data string) string {
	return fmt.Sprintf("What to do: find out why: look at the memory and the disk of this machine first. Then move\n"+
		"%[1]s/state and %[1]s/%[2]s aside and start again: the state is rebuilt from the\n"+
		"snapshots and the log in %[1]s/raft.", data, divergedFile)
}
