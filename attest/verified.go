package attest

import (
	"context"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// verified is how far one chain was found good, and the root of its log of
// headers at the last size that was requested.
type verified struct {
	chain.Verifier
	id    chain.Hash // of the chain: the hash of its genesis block
	tree  chain.RootBuilder
	tip   proof.Leaf   // the newest in tree
	ahead []proof.Leaf // of blocks found good that are not in tree yet
}

// to verifies the chain up to a size, no less than any before, and makes tree
// the log of headers at that size.
func (v *verified) to(ctx context.Context, a *Attester, token string, size uint64) error {
	for {
		v.grow(size)
		if v.tip.Index == size {
			return ctx.Err()
		}
		if err := v.turn(ctx, a, token, size); err != nil {
			return err
		}
	}
}

// grow adds to tree what is found good, up to a size.
func (v *verified) grow(size uint64) {
	n := 0
	for n < len(v.ahead) && v.ahead[n].Index <= size {
		v.tip = v.ahead[n]
		v.tree.Add(proof.AppendLeaf(nil, &v.tip))
		n++
	}
	v.ahead = append(v.ahead[:0], v.ahead[n:]...)
}

// turn verifies a run of blocks of this member's disk, up to a size at most.
// Those before the first that does not verify stay verified.
func (v *verified) turn(ctx context.Context, a *Attester, token string, size uint64) error {
	select {
	case a.turns <- struct{}{}:
		defer func() { <-a.turns }()
	case <-ctx.Done():
		return ctx.Err()
	}
	run, err := v.read(a.state, token, size)
	if err != nil {
		return err
	}
	v.checkAll(run, a.workers)
	run.verifyClaims(a.cfg.Admitted, a.keys, a.workers)
	for i := range run {
		if err := v.link(&run[i]); err != nil {
			return err
		}
	}
	return nil
}

// link holds a block that is good by itself against the one before it, and against what
// Apply has put into the log of headers.
func (v *verified) link(b *block) error {
	if b.failed != nil {
		return b.failed
	}
	if b.own {
		if err := v.Follow(&b.back); err != nil {
			return err
		}
	} else if err := v.Link(b.checked); err != nil {
		return err
	}
	if b.leaf.EntryHash() != chain.Hash(b.entry) {
		return fmt.Errorf("%w: block %d on this member's disk is not the one that it has produced: the log of headers has another", chain.ErrInvalid, b.leaf.Index)
	}
	if b.leaf.Index == 1 {
		v.id = b.leaf.Hash
	}
	v.ahead = append(v.ahead, b.leaf)
	return nil
}
