package attest

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// runBlocks and runBytes bound what one turn takes, so that one long chain does not
// keep the others waiting. A run may be over by one block.
const (
	runBlocks = 64
	runBytes  = 8 << 20
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
	run, entries, err := v.read(a.state, token, size)
	if err != nil {
		return err
	}
	checked, failed := v.checkAll(run, a.workers)
	for i, c := range checked {
		if failed[i] != nil {
			return failed[i]
		}
		if err := v.link(c, entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// errEnough ends a run.
var errEnough = errors.New("enough for one turn")

// read reads a run of blocks, one at least, and their entries in the log of
// headers.
func (v *verified) read(s State, token string, size uint64) (run [][]byte, entries []tlog.Hash, err error) {
	from, limit := v.Length()+1, min(size-v.Length(), runBlocks)
	if from == 1 {
		limit = 1 // the others are checked by the contract that it carries
	}
	bytes := 0
	err = s.Blocks(token, from, limit, func(_ uint64, canonical []byte) error {
		run = append(run, canonical)
		if bytes += len(canonical); bytes >= runBytes {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, nil, err
	}
	if len(run) == 0 {
		return nil, nil, fmt.Errorf("%w: block %d", chain.NotFound, from)
	}
	indexes := make([]int64, len(run))
	for i := range run {
		indexes[i] = tlog.StoredHashIndex(0, int64(from)-1+int64(i))
	}
	entries, err = s.LogHashes(token).ReadHashes(indexes)
	return run, entries, err
}

// checkAll checks each block by itself, signatures included.
func (v *verified) checkAll(run [][]byte, workers int) (checked []chain.Checked, failed []error) {
	checked, failed = make([]chain.Checked, len(run)), make([]error, len(run))
	var group errgroup.Group
	group.SetLimit(workers)
	for i, canonical := range run {
		group.Go(func() error {
			checked[i], failed[i] = v.Check(canonical)
			return failed[i]
		})
	}
	_ = group.Wait() // failed says which
	return checked, failed
}

// link holds a good block against the one before it, and against what Apply
// has put into the log of headers.
func (v *verified) link(c chain.Checked, entry tlog.Hash) error {
	if err := v.Link(c); err != nil {
		return err
	}
	leaf := proof.LeafOf(&c.Block.Header, c.Hash, len(c.Block.Records))
	if leaf.EntryHash() != chain.Hash(entry) {
		return fmt.Errorf("%w: block %d on this member's disk is not the one that it has produced: the log of headers has another", chain.ErrInvalid, leaf.Index)
	}
	if leaf.Index == 1 {
		v.id = c.Hash
	}
	v.ahead = append(v.ahead, leaf)
	return nil
}
