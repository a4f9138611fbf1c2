package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/node"
)

// signature is what a member has signed, at the moment at which it left the member.
type signature struct {
	token string
	chain.Attestation
}

// signingKey is what a member signs with, in all of its lives; one that has lost its disk
// has another one.
func signingKey(member string) (proof.SigningKey, error) {
	name, err := proof.KeyName("sim", identity.Identity(member).ID())
	if err != nil {
		return proof.SigningKey{}, err
	}
	return proof.NewSigningKey(name, chain.DeriveID([]byte(member)))
}

// attests has a life attest all chains until the context ends, as node does. A state that
// came as a snapshot it takes as it is: what makes it again from its blocks writes a store
// beside it, and is not simulated.
func (l *life) attests(ctx context.Context) error {
	key, err := signingKey(string(l.node.Identity()))
	if err != nil {
		return err
	}
	cfg := attest.DefaultConfig()
	cfg.Member, cfg.Key, cfg.Dir = string(l.node.Identity()), key, filepath.Join(l.folder, "attest")
	cfg.Leads, cfg.Fatal = l.node.Settled, l.stop
	cfg.Logger = l.member.cluster.logger.With("m", l.String())
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(l.member.clock.Load()) * time.Microsecond) }
	cfg.Audit = func(context.Context, func(string, uint64, uint64)) (map[string]error, error) { return nil, nil }
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return err
	}
	a, err := attest.New(cfg, node.NewEvidence(l.store, nil, 0), wire{l})
	if err != nil {
		return err
	}
	l.attesting.Go(func() { a.Run(ctx) })
	return nil
}

// wire is a member's way to the log for what it signs.
type wire struct{ *life }

// Attest implements attest.Log.
func (w wire) Attest(ctx context.Context, token string, a chain.Attestation) error {
	w.member.cluster.history.sign(signature{token, a})
	return w.requests().Attest(ctx, token, a)
}

// Endorse implements attest.Log.
func (w wire) Endorse(ctx context.Context, number int, member, cosignature string) error {
	return w.requests().Endorse(ctx, number, member, cosignature)
}

// checkpoint is the newest that has a majority.
func (l *life) checkpoint(token string) (c proof.Checkpoint, err error) {
	info, err := l.store.Contract(token)
	if err != nil {
		return c, err
	}
	attestations, _, err := l.store.Attestations(token)
	if err != nil {
		return c, err
	}
	_, c, err = attest.Newest(func(size uint64) attest.Quorum { return node.NewEvidence(l.store, nil, 0).Quorum(token, size) }, &info, attestations)
	return c, err
}

// signedAll tells whether the newest checkpoint of each contract is of all of its chain.
func (s *simulation) signedAll() bool {
	if !s.plan.Attests {
		return true
	}
	l := s.there()[0].life
	if l == nil || !l.ready.Load() {
		return false
	}
	for _, c := range s.contracts() {
		info, err := l.store.Contract(c.Token)
		if err != nil {
			return false
		}
		if newest, err := l.checkpoint(c.Token); err != nil || newest.Size != info.Length {
			return false
		}
	}
	return true
}

// sign notes what a member signs.
func (h *history) sign(s signature) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.signed = append(h.signed, s)
}

// signatures are those of one contract until now.
func (h *history) signatures(token string) (list []signature) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.signed {
		if s.token == token {
			list = append(list, s)
		}
	}
	return list
}

// roots are those of the log of headers after each block, by the RFC and not by the product.
func roots(blocks [][]byte) (list []chain.Hash, err error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (hashes []tlog.Hash, err error) {
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for i, text := range blocks {
		leaf, err := proof.LeafOfBlock(text, chain.HashBytes(text))
		if err != nil {
			return nil, err
		}
		more, err := tlog.StoredHashesForRecordHash(int64(i), tlog.Hash(leaf.EntryHash()), reader)
		if err != nil {
			return nil, err
		}
		stored = append(stored, more...)
		root, err := tlog.TreeHash(int64(i)+1, reader)
		if err != nil {
			return nil, err
		}
		list = append(list, chain.Hash(root))
	}
	return list, nil
}

// checkSignatures: whoever signs a size signs one root of it, for ever, and that is the
// chain's.
func checkSignatures(signed []signature, root []chain.Hash, partial bool, say func(rule, format string, args ...any)) {
	type of struct {
		member string
		size   uint64
	}
	before := map[of]chain.Hash{}
	for _, s := range signed {
		key := of{s.Member, s.Size}
		if was, is := before[key]; is && was != s.Root {
			say(ruleOneRoot, "%s has signed %s and %s of %d blocks", s.Member, was, s.Root, s.Size)
		}
		before[key] = s.Root
		switch {
		case s.Size == 0 || s.Size > uint64(len(root)) && !partial:
			say(ruleSigned, "%s has signed %d blocks, and there are %d", s.Member, s.Size, len(root))
		case s.Size <= uint64(len(root)) && s.Root != root[s.Size-1]:
			say(ruleSigned, "%s has signed %s of %d blocks, and it is %s", s.Member, s.Root, s.Size, root[s.Size-1])
		}
	}
}

// checkCheckpoints: who has seen a checkpoint behind a barrier sees no older one later, and
// each is of the chain.
func checkCheckpoints(all []operation, root []chain.Hash, say func(rule, format string, args ...any)) {
	for i, op := range all {
		if op.kind != checkpoint || op.verdict != done {
			continue
		}
		if op.length <= uint64(len(root)) && op.length > 0 && op.root != root[op.length-1] {
			say(ruleSigned, "a checkpoint at %s is %s of %d blocks, and it is %s", op.member, op.root, op.length, root[op.length-1])
		}
		for _, before := range all[:i] { // in the order in which they ended
			if before.kind == checkpoint && before.verdict == done && before.ended < op.called && before.length > op.length {
				say(ruleForward, "of %d blocks at %s at %v, and of %d at %s at %v", before.length, before.member, before.ended, op.length, op.member, op.called)
			}
		}
	}
}

// readCheckpoint is a client's question for the newest checkpoint.
func (l *life) readCheckpoint(op *operation) error {
	c, err := l.checkpoint(op.token)
	if errors.Is(err, chain.NotFound) {
		return nil // of no block yet
	}
	if err != nil {
		return fmt.Errorf("no checkpoint: %w", err)
	}
	op.length, op.root = c.Size, c.Root
	return nil
}
