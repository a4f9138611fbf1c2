package chainsync

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// contradicted is what a signed note stands against.
type contradicted struct {
	signed []byte     // the text that was signed
	root   chain.Hash // of the log of our blocks at that size
	note   []byte     // the newest that we had verified; nil: none
}

// settle judges what had to wait for blocks. An error is final.
func (c *checkpoints) settle(ctx context.Context, tip uint64, origin string) error {
	if k := c.kept; k != nil && k.verdict == unjudged {
		if k.Checkpoint.Origin != origin {
			c.keep(nil) // the folder was another chain's
		} else if tip >= k.size() {
			if err := c.noted(c.judgeKept(ctx)); err != nil {
				return err
			}
		}
	}
	if a := c.ahead; a != nil && tip >= a.size() {
		c.ahead = nil
		_, err := c.judge(ctx, a)
		return c.noted(err)
	}
	return nil
}

// judgeKept holds what an earlier run verified against a copy that was made
// anew. The error may be a *refusal.
func (c *checkpoints) judgeKept(ctx context.Context) error {
	judged := *c.kept
	verdict, root, err := c.compare(&judged)
	if err != nil {
		return err
	}
	judged.verdict = verdict
	c.keep(&judged)
	if verdict == alien {
		return c.contradict(ctx, &judged, root)
	}
	return nil
}

// judge holds a checkpoint of no more blocks than we have against ours, and
// keeps it if it is the newest; false when another upstream may have a newer
// one. The error may be a *refusal.
func (c *checkpoints) judge(ctx context.Context, shown *claim) (current bool, err error) {
	verdict, root, err := c.compare(shown)
	if err != nil {
		return false, err
	}
	if shown.verdict = verdict; verdict == alien {
		return false, c.contradict(ctx, shown, root)
	}
	switch kept := c.kept; {
	case kept == nil:
	case shown.size() < kept.size():
		return false, nil
	case kept.verdict == alien:
		if err := c.convict(ctx, kept, shown); err != nil {
			return false, err
		}
	case shown.size() == kept.size():
		return true, nil
	}
	return true, c.store(ctx, shown)
}

// contradict is the refusal of a checkpoint that is not of the log of our
// blocks. What is stored stays; who signed it, or who gave us our blocks, is
// dishonest.
func (c *checkpoints) contradict(ctx context.Context, shown *claim, root chain.Hash) error {
	against := contradicted{signed: shown.Checkpoint.Body(), root: root}
	if c.kept != nil && c.kept.verdict != alien {
		against.note = c.kept.note
		if err := c.convict(ctx, shown, c.kept); err != nil {
			return err
		}
	}
	return refuse(CheckpointContradicts, "%s signed a log of %d blocks with the root %s; that of our blocks is %s",
		strings.Join(signers(shown.Cosigned), ", "), shown.size(), shown.Checkpoint.Root, root).
		with(shown.size(), shown.note).contradicting(against).by(shown.peer)
}

// convict keeps the proof that somebody signed both a checkpoint that is not
// of our log and another one, where they cannot both be of one log.
func (c *checkpoints) convict(ctx context.Context, foreign, other *claim) error {
	e, err := c.equivocation(ctx, foreign, other)
	switch {
	case errors.Is(err, proof.ErrConsistent):
		return nil // where ours parts from it, nothing of ours was signed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		c.s.f.log.Warn("no proof that the members signed two histories: the log of one is not to be had",
			"contract", c.s.token, "upstream", foreign.peer.url, "error", err)
		return nil
	}
	proven, err := e.Verify(c.policy)
	if err != nil {
		return fmt.Errorf("follower: evidence: %w", err)
	}
	file, err := c.s.f.evidence.keepProof(c.s.token, foreign.size(), foreign.Checkpoint.Body(), e)
	if err != nil {
		return fmt.Errorf("follower: evidence: %w", err)
	}
	c.s.f.log.Error("members signed two histories", "contract", c.s.token, "members", proven.Signed,
		"upstream", foreign.peer.url, "file", file)
	return nil
}

// equivocation puts the proof together. What the larger log was at the smaller
// size our own log tells, or the upstream that showed the foreign one.
func (c *checkpoints) equivocation(ctx context.Context, foreign, other *claim) (*proof.Equivocation, error) {
	small, large := foreign, other
	if small.size() > large.size() {
		small, large = large, small
	}
	if small.size() == large.size() {
		return proof.NewEquivocation(small.note, large.note, chain.Hash{}, nil)
	}
	log := c.s.f.ledger.LogHashes(c.s.token)
	if large.verdict != ours {
		log = proof.TileHashes(ctx, large.size(), large.Checkpoint.Root, c.tiles(foreign.peer))
	}
	path, err := proof.ProveConsistency(small.size(), large.size(), log)
	if err != nil {
		return nil, err
	}
	then, err := tlog.TreeHash(int64(small.size()), log)
	if err != nil {
		return nil, err
	}
	return proof.NewEquivocation(small.note, large.note, chain.Hash(then), path)
}

// tiles reads the log that p shows.
func (c *checkpoints) tiles(p *peer) proof.Fetch {
	return func(ctx context.Context, path string) ([]byte, error) {
		data, err := c.s.f.web.bytes(ctx, c.at(p, path), typeBytes, proof.MaxTileBytes)
		var r *refusal
		if errors.As(err, &r) && r.reason == BadStatus {
			return nil, fmt.Errorf("%w: %w", proof.ErrTileMissing, err)
		}
		return data, err
	}
}

// signers are the names of those who signed.
func signers(signed proof.Cosigned) (names []string) {
	for _, s := range append(append([]proof.Signer(nil), signed.Members...), signed.Witnesses...) {
		names = append(names, s.Name)
	}
	return names
}
