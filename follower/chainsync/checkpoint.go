package chainsync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
)

const checkpointSuffix = ".checkpoint"

// checkpoints is what the members have signed of one chain. Its own goroutine
// (run) asks for more of it, and is the only one that writes the fields.
type checkpoints struct {
	s *syncer

	// Owned by run.
	ahead *claim // of more blocks than we have: judged when they are here

	mu     sync.Mutex // guards all below
	policy *proof.Policy
	source PolicySource
	kept   *claim
	more   chan struct{} // closed, and replaced, when kept changes
}

// claim is a checkpoint that as many have signed as the policy asks for.
type claim struct {
	proof.Cosigned
	note    []byte
	peer    *peer
	verdict verdict
}

// verdict says how a claim compares with our own blocks.
type verdict int

const (
	unjudged verdict = iota // we do not have as many
	ours                    // it is their root
	alien                   // it is not
)

func (c *claim) size() uint64 { return c.Checkpoint.Size }

// newCheckpoints reads what an earlier run has kept. s must know where its
// chain stands.
func newCheckpoints(s *syncer) (*checkpoints, error) {
	c := &checkpoints{s: s, more: make(chan struct{})}
	if err := c.openPolicy(); err != nil {
		return nil, err
	}
	return c, c.recall()
}

func (c *checkpoints) file() string {
	return filepath.Join(c.s.f.cfg.Checkpoints, c.s.token+checkpointSuffix)
}

// recall reads the newest checkpoint that was kept. It is believed as far as
// its signatures go: the copy of the chain may have been made anew since.
func (c *checkpoints) recall() error {
	if c.policy == nil {
		return nil
	}
	note, err := os.ReadFile(c.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	signed, err := c.policy.Verify(note, "")
	if err != nil { // by an earlier policy, say
		c.s.f.log.Warn("the checkpoint that was kept is of no use", "file", c.file(), "error", err)
		return nil
	}
	kept := &claim{Cosigned: signed, note: note, peer: &peer{url: c.file()}}
	tip, _ := c.s.at()
	if named, begun := c.s.origin(); begun && tip >= kept.size() && kept.Checkpoint.Origin == proof.Origin(named.Token, named.ID) {
		if verdict, _, err := c.compare(kept); err != nil {
			return err
		} else if verdict == ours { // else it is for run to say so
			kept.verdict = ours
		}
	}
	c.keep(kept)
	return nil
}

// keep makes a claim the newest that is verified.
func (c *checkpoints) keep(kept *claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = kept
	close(c.more)
	c.more = make(chan struct{})
}

// compare holds a claim against our own blocks, of which there are enough.
func (c *checkpoints) compare(claim *claim) (verdict, chain.Hash, error) {
	root, err := tlog.TreeHash(int64(claim.size()), c.s.f.ledger.LogHashes(c.s.token))
	if err != nil {
		return unjudged, chain.Hash{}, fmt.Errorf("follower: the log of %s: %w", c.s.token, err)
	}
	if claim.Checkpoint.Root == chain.Hash(root) {
		return ours, chain.Hash(root), nil
	}
	return alien, chain.Hash(root), nil
}

// store keeps a claim for good. What it covers is made durable first, so that
// this node never has a checkpoint of more blocks than it has.
func (c *checkpoints) store(ctx context.Context, kept *claim) error {
	if err := c.s.f.ledger.Sync(ctx); err != nil {
		return err
	}
	if err := durable.WriteFile(c.file(), kept.note, 0o600); err != nil {
		return err
	}
	c.keep(kept)
	return nil
}
