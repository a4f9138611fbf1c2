package chainsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// contradiction is what a signed note stands against.
type contradiction struct {
	signed []byte     // the text that was signed
	root   chain.Hash // of the log of our blocks at that size
	note   []byte     // the newest that we had verified; nil: none
}

// compare holds a candidate against our own blocks, of which there are enough.
func (cs *checkpoints) compare(c *candidate) (verdict, chain.Hash, error) {
	root, err := tlog.TreeHash(int64(c.size()), cs.chain.ledger.LogHashes(cs.token))
	if err != nil {
		return unjudged, chain.Hash{}, fmt.Errorf("follower: the log of %s: %w", cs.token, err)
	}
	if c.Checkpoint.Root == chain.Hash(root) {
		return agrees, chain.Hash(root), nil
	}
	return differs, chain.Hash(root), nil
}

// judgePending judges what had to wait for blocks. An error is final.
func (cs *checkpoints) judgePending(ctx context.Context, tip uint64, origin string) error {
	if k := cs.kept; k != nil && k.verdict == unjudged {
		if k.Checkpoint.Origin != origin {
			cs.keep(nil) // the folder was another chain's
		} else if tip >= k.size() {
			if err := cs.peers.note(cs.judgeKept(ctx)); err != nil {
				return err
			}
		}
	}
	if c := cs.pending; c != nil && tip >= c.size() {
		cs.pending = nil
		_, err := cs.judge(ctx, c)
		return cs.peers.note(err)
	}
	return nil
}

// judgeKept holds what an earlier run verified against a copy that was made
// anew. The error may be a *refusal.
func (cs *checkpoints) judgeKept(ctx context.Context) error {
	judged := *cs.kept
	verdict, root, err := cs.compare(&judged)
	if err != nil {
		return err
	}
	judged.verdict = verdict
	cs.keep(&judged)
	if verdict == differs {
		return cs.contradicts(ctx, &judged, root)
	}
	return nil
}

// judge holds a checkpoint of no more blocks than we have against ours, and
// keeps it if it is the newest; false when another upstream may have a newer
// one. The error may be a *refusal.
func (cs *checkpoints) judge(ctx context.Context, shown *candidate) (current bool, err error) {
	verdict, root, err := cs.compare(shown)
	if err != nil {
		return false, err
	}
	if shown.verdict = verdict; verdict == differs {
		return false, cs.contradicts(ctx, shown, root)
	}
	switch kept := cs.kept; {
	case kept == nil:
	case shown.size() < kept.size():
		return false, nil
	case kept.verdict == differs:
		if err := cs.proveEquivocation(ctx, kept, shown); err != nil {
			return false, err
		}
	case shown.size() == kept.size():
		return true, nil
	}
	return true, cs.store(ctx, shown)
}

// contradicts is the refusal of a checkpoint that is not of the log of our
// blocks. What is stored stays; who signed it, or who gave us our blocks, is
// dishonest.
func (cs *checkpoints) contradicts(ctx context.Context, shown *candidate, root chain.Hash) error {
	against := &contradiction{signed: shown.Checkpoint.Body(), root: root}
	if cs.kept != nil && cs.kept.verdict != differs {
		against.note = cs.kept.note
		if err := cs.proveEquivocation(ctx, shown, cs.kept); err != nil {
			return err
		}
	}
	r := refuse(CheckpointContradicts, "%s signed a log of %d blocks with the root %s; that of our blocks is %s",
		strings.Join(signers(shown.Cosigned), ", "), shown.size(), shown.Checkpoint.Root, root)
	r.against = against
	return r.with(shown.size(), shown.note).by(shown.peer)
}

// proveEquivocation keeps the proof that somebody signed both a checkpoint that
// is not of our log and another one, where they cannot both be of one log.
func (cs *checkpoints) proveEquivocation(ctx context.Context, foreign, other *candidate) error {
	e, err := cs.equivocation(ctx, foreign, other)
	switch {
	case errors.Is(err, proof.ErrConsistent):
		return nil // where ours parts from it, nothing of ours was signed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		cs.cfg.Logger.Warn("no proof that the members signed two histories: the log of one is not to be had",
			"contract", cs.token, "upstream", foreign.peer.url, "error", err)
		return nil
	}
	proven, err := e.Verify(cs.history)
	if err != nil { // nobody of those who signed one signed the other: the members have changed between
		cs.cfg.Logger.Warn("two histories were signed, and nobody is convicted of both", "contract", cs.token,
			"upstream", foreign.peer.url, "error", err)
		return nil
	}
	file, err := cs.peers.evidence.keepProof(cs.token, foreign.size(), foreign.Checkpoint.Body(), e)
	if err != nil {
		return fmt.Errorf("follower: evidence: %w", err)
	}
	cs.cfg.Logger.Error("members signed two histories", "contract", cs.token, "members", proven.Signed,
		"upstream", foreign.peer.url, "file", file)
	return nil
}

// equivocation puts the proof together. What the larger log was at the smaller
// size our own log tells, or the upstream that showed the foreign one.
func (cs *checkpoints) equivocation(ctx context.Context, foreign, other *candidate) (*proof.Equivocation, error) {
	small, large := foreign, other
	if small.size() > large.size() {
		small, large = large, small
	}
	if small.size() == large.size() {
		return proof.NewEquivocation(small.note, large.note, chain.Hash{}, nil)
	}
	log := cs.chain.ledger.LogHashes(cs.token)
	if large.verdict != agrees {
		log = proof.TileHashes(ctx, large.size(), large.Checkpoint.Root, cs.tiles(foreign.peer))
	}
	path, then, err := proof.ProveConsistency(small.size(), large.size(), log)
	if err != nil {
		return nil, err
	}
	return proof.NewEquivocation(small.note, large.note, then, path)
}

// tiles reads the log that p shows.
func (cs *checkpoints) tiles(p *peer) proof.Fetch {
	return func(ctx context.Context, path string) ([]byte, error) {
		data, err := cs.client.read(ctx, cs.url(p, path), typeBytes, proof.MaxTileBytes)
		if r := asRefusal(err); r != nil && r.reason == BadStatus {
			return nil, fmt.Errorf("%w: %w", proof.ErrTileMissing, err)
		}
		return data, err
	}
}

// signers are the names of those who signed.
func signers(signed proof.Cosigned) (names []string) {
	for _, s := range slices.Concat(signed.Members, signed.Witnesses) {
		names = append(names, s.Name)
	}
	return names
}
