package chainsync

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/bpsc/bpsc/chain"
)

// fetcher asks upstreams of one chain for blocks, checks each by itself, and
// says what is wrong with one that is not ours.
//
// Its fields never change after newTracker, so any number of goroutines may use
// it at a time. It stores nothing: what it fetches it returns, or puts into a
// blockRange, whose owner is said there. What bounds it (memory, ranges and
// checks at a time) all chains share.
type fetcher struct {
	*resources
	token  string
	pinned chain.Hash // zero: whatever comes first
	local  localChain
	peers  peerStates
}

// localChain is what a fetcher asks of the chain that is stored here; *writer.
type localChain interface {
	head() head
	block(index uint64) ([]byte, error)
}

// peerStates is whom a fetcher asks, and what hears of the answers; *peers.
type peerStates interface {
	borrow(index uint64) *peer
	giveBack(p *peer, served bool)
	known(p *peer) (length uint64, ok bool)
	answered(p *peer, length uint64)
	matched(p *peer, whole bool)
	note(err error) error
}

// ensure makes sure that p's chain is ours and at least as long, and returns its
// length. It costs nothing while p has not been refused since it was probed.
func (f *fetcher) ensure(ctx context.Context, p *peer) (uint64, error) {
	if length, ok := f.peers.known(p); ok {
		return length, nil
	}
	return f.probe(ctx, p)
}

// probe asks p how long its chain is, and for its block at the last height
// that both have: it must be ours, byte for byte.
func (f *fetcher) probe(ctx context.Context, p *peer) (uint64, error) {
	tip := f.local.head().length
	length, err := f.length(ctx, p)
	if err != nil {
		return 0, err
	}
	common := min(tip, length)
	theirs, err := f.block(ctx, p, common)
	if err != nil {
		return 0, err
	}
	ours, err := f.local.block(common)
	if err != nil {
		return 0, err
	}
	if !bytes.Equal(ours, theirs) {
		return 0, f.mismatch(ctx, p, common, theirs)
	}
	f.peers.matched(p, length >= tip)
	if length < tip {
		return 0, refuse(Behind, "it has %d blocks, this node %d", length, tip).by(p)
	}
	return length, nil
}

// genesis fetches the first block, and makes sure that the block after it,
// where there is one, links to it.
func (f *fetcher) genesis(ctx context.Context, p *peer) (genesis chain.Checked, err error) {
	length, err := f.length(ctx, p)
	if err != nil {
		return genesis, err
	}
	texts, err := f.blocks(ctx, p, 1, min(length, 2))
	if err != nil {
		return genesis, err
	}
	if genesis, err = f.check(ctx, p, 1, texts[0], head{}); err != nil {
		return genesis, err
	}
	contract := genesis.Block.Contract
	switch {
	case contract.Token != f.token:
		return genesis, refuse(OtherChain, "its genesis block is that of %s", contract.Token).by(p)
	case !f.pinned.IsZero() && genesis.Hash != f.pinned:
		return genesis, refuse(OtherChain, "its chain is %s, not %s, which is wanted", genesis.Hash, f.pinned).by(p)
	}
	if len(texts) > 1 {
		second, err := f.check(ctx, p, 2, texts[1], head{contract: contract, id: genesis.Hash})
		if err != nil {
			return genesis, err
		}
		if second.Block.Index != 2 || second.Block.PreviousHash != genesis.Hash.String() {
			return genesis, refuse(InvalidBlock, "it does not link to the genesis block").with(2, texts[1]).after(texts[0]).by(p)
		}
	}
	return genesis, nil
}

// length asks p how long its chain is.
func (f *fetcher) length(ctx context.Context, p *peer) (uint64, error) {
	length, err := f.client.length(ctx, p.url, f.token)
	if err == nil && length == 0 {
		err = refuse(Behind, "its chain has not begun")
	}
	if err != nil {
		return 0, blame(p, err)
	}
	f.peers.answered(p, length)
	return length, nil
}

// block fetches one block, which is not checked.
func (f *fetcher) block(ctx context.Context, p *peer, index uint64) ([]byte, error) {
	texts, err := f.blocks(ctx, p, index, 1)
	if err != nil {
		return nil, err
	}
	return texts[0], nil
}

// blocks fetches exactly n blocks, which are not checked.
func (f *fetcher) blocks(ctx context.Context, p *peer, from, n uint64) (texts [][]byte, err error) {
	b, err := f.client.blocks(ctx, p.url, blocksRequest{token: f.token, from: from, limit: n})
	if err != nil {
		return nil, blame(p, err)
	}
	defer b.end()
	for {
		line, err := b.next()
		if errors.Is(err, io.EOF) && b.count < n {
			err = refuse(Truncated, "it said that it has block %d, and does not give it", from+n-1)
		}
		if errors.Is(err, io.EOF) {
			return texts, nil
		}
		if err != nil {
			return nil, blame(p, err)
		}
		texts = append(texts, bytes.Clone(line))
	}
}

// check checks a block by itself, as many at a time as there are cores. The
// error is a *refusal, or ctx's.
func (f *fetcher) check(ctx context.Context, p *peer, index uint64, text []byte, h head) (chain.Checked, error) {
	if f.cores.Acquire(ctx, 1) != nil {
		return chain.Checked{}, context.Cause(ctx)
	}
	contract, decimals := h.contract, 0
	if contract != nil {
		decimals = contract.Decimals
	}
	if index == 1 { // it says so itself
		contract, h.id = nil, chain.Hash{}
	}
	checked, err := chain.CheckBlock(text, contract, h.id)
	f.cores.Release(1)
	if !errors.Is(err, chain.ErrInvalid) {
		return checked, err
	}
	why := InvalidBlock
	if _, e := chain.DecodeBlock(text, decimals); e != nil {
		why = NotCanonical
	}
	return checked, refuse(why, "%s", clip(err.Error())).with(index, text).by(p)
}

// misplaced is the refusal of a block that stands where another belongs.
func misplaced(got, want uint64, served []byte) *refusal {
	return refuse(InvalidBlock, "block %d where %d belongs", got, want).with(want, served)
}

// mismatch says what it means that p's block at a height is not ours.
func (f *fetcher) mismatch(ctx context.Context, p *peer, index uint64, theirs []byte) error {
	ours, err := f.local.block(1)
	if err != nil {
		return err
	}
	h := f.local.head()
	// Whether it goes by our contract comes first: a block of another chain
	// cannot verify by the rules of this one.
	genesis := theirs
	if index > 1 {
		if genesis, err = f.block(ctx, p, 1); err != nil && ctx.Err() != nil {
			return err
		}
	}
	if genesis != nil && !bytes.Equal(genesis, ours) {
		if _, err := f.check(ctx, p, 1, genesis, h); err != nil {
			return err
		}
		return refuse(OtherChain, "its genesis block is %s, ours %s", chain.HashBytes(genesis), h.id).with(1, genesis).by(p)
	}
	checked, err := f.check(ctx, p, index, theirs, h)
	if err != nil {
		return err
	}
	if got := checked.Block.Index; got != index {
		return misplaced(got, index, theirs).by(p)
	}
	return refuse(SecondHistory, "its block %d is %s, and verifies by itself; ours is another", index, checked.Hash).
		with(index, theirs).by(p)
}

// unlinked says what it means that a block which is good by itself does not
// continue our chain: what stands before it at its upstream?
func (f *fetcher) unlinked(ctx context.Context, b fetched) error {
	h := f.local.head()
	theirs, err := f.block(ctx, b.from, h.length)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ours, e := f.local.block(h.length)
	switch {
	case e != nil:
		return e
	case err != nil: // it does not say; the block we have shows enough
		return refuse(SecondHistory, "its block %d continues %s, ours is %s", b.Block.Index, b.Block.PreviousHash, h.tip).
			with(b.Block.Index, b.Canonical).by(b.from)
	case bytes.Equal(theirs, ours):
		return refuse(InvalidBlock, "block %d does not link to the block before it", b.Block.Index).
			with(b.Block.Index, b.Canonical).by(b.from)
	}
	return f.mismatch(ctx, b.from, h.length, theirs)
}
