package chainsync

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/bpsc/bpsc/chain"
)

// meet makes sure that p's chain is ours and at least as long, and returns its
// length. It costs two requests, and nothing while p has not been refused.
func (s *syncer) meet(ctx context.Context, p *peer) (uint64, error) {
	s.mu.Lock()
	met, length, began := p.met, p.length, s.tip > 0
	s.mu.Unlock()
	switch {
	case met:
		return length, nil
	case !began:
		return s.begin(ctx, p)
	}
	return s.compare(ctx, p)
}

// compare asks p how long its chain is, and for its block at the last height
// that both have: it must be ours, byte for byte.
func (s *syncer) compare(ctx context.Context, p *peer) (uint64, error) {
	tip, _ := s.at()
	length, err := s.ask(ctx, p)
	if err != nil {
		return 0, err
	}
	common := min(tip, length)
	theirs, err := s.block(ctx, p, common)
	if err != nil {
		return 0, err
	}
	ours, _, err := s.f.ledger.Block(s.token, common)
	if err != nil {
		return 0, err
	}
	if !bytes.Equal(ours, theirs) {
		return 0, s.judge(ctx, p, common, theirs)
	}
	s.mu.Lock()
	p.ours = true
	s.mu.Unlock()
	if length < tip {
		return 0, refuse(Behind, "it has %d blocks, this node %d", length, tip).by(p)
	}
	s.mu.Lock()
	p.met = true
	s.mu.Unlock()
	return length, nil
}

// begin takes the genesis block from p, if the block after it, where there is
// one, links to it. Only run calls it.
func (s *syncer) begin(ctx context.Context, p *peer) (uint64, error) {
	length, err := s.ask(ctx, p)
	if err != nil {
		return 0, err
	}
	texts, err := s.blocks(ctx, p, 1, min(length, 2))
	if err != nil {
		return 0, err
	}
	genesis, err := s.f.check(ctx, texts[0], nil, chain.Hash{})
	if err != nil {
		return 0, s.condemn(p, err, 1, texts[0])
	}
	contract := genesis.Block.Contract
	switch {
	case contract.Token != s.token:
		return 0, refuse(OtherChain, "its genesis block is that of %s", contract.Token).by(p)
	case !s.pinned.IsZero() && genesis.Hash != s.pinned:
		return 0, refuse(OtherChain, "its chain is %s, not %s, which is wanted", genesis.Hash, s.pinned).by(p)
	}
	s.contract, s.chainID, s.meanBytes = contract, genesis.Hash, len(texts[0])
	if len(texts) > 1 {
		second, err := s.f.check(ctx, texts[1], s.contract, s.chainID)
		if err != nil {
			return 0, s.condemn(p, err, 2, texts[1])
		}
		if second.Block.Index != 2 || second.Block.PreviousHash != genesis.Hash.String() {
			return 0, refuse(InvalidBlock, "it does not link to the genesis block").with(2, texts[1]).after(texts[0]).by(p)
		}
	}
	if err := s.adopt(ctx, []item{{genesis, p}}); err != nil {
		return 0, err
	}
	s.mu.Lock()
	p.met, p.ours = true, true
	s.mu.Unlock()
	s.f.log.Info("a chain begins", "contract", s.token, "chain", genesis.Hash, "upstream", p.url)
	return length, s.sync(ctx)
}

// ask asks p how long its chain is.
func (s *syncer) ask(ctx context.Context, p *peer) (uint64, error) {
	length, err := s.f.web.length(ctx, p.url, s.token)
	if err == nil && length == 0 {
		err = refuse(Behind, "its chain has not begun")
	}
	if err != nil {
		return 0, blame(p, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.length, s.contact = length, s.f.now()
	if s.current == p || s.current == nil {
		s.length = length
	}
	return length, nil
}

// block fetches one block, which is not checked.
func (s *syncer) block(ctx context.Context, p *peer, index uint64) ([]byte, error) {
	texts, err := s.blocks(ctx, p, index, 1)
	if err != nil {
		return nil, err
	}
	return texts[0], nil
}

// blocks fetches exactly n blocks, which are not checked.
func (s *syncer) blocks(ctx context.Context, p *peer, from, n uint64) (texts [][]byte, err error) {
	b, err := s.f.web.blocks(ctx, p.url, span{token: s.token, from: from, limit: n})
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

// judge says what it means that p's block at a height is not ours.
func (s *syncer) judge(ctx context.Context, p *peer, index uint64, theirs []byte) error {
	ours, id, err := s.f.ledger.Block(s.token, 1)
	if err != nil {
		return err
	}
	// Whether it goes by our contract comes first: a block of another chain
	// cannot verify by the rules of this one.
	genesis := theirs
	if index > 1 {
		if genesis, err = s.block(ctx, p, 1); err != nil && ctx.Err() != nil {
			return err
		}
	}
	if genesis != nil && !bytes.Equal(genesis, ours) {
		if _, err := s.f.check(ctx, genesis, nil, chain.Hash{}); err != nil {
			return s.condemn(p, err, 1, genesis)
		}
		return refuse(OtherChain, "its genesis block is %s, ours %s", chain.HashBytes(genesis), id).with(1, genesis).by(p)
	}
	checked, err := s.f.check(ctx, theirs, s.contract, s.chainID)
	if err != nil {
		return s.condemn(p, err, index, theirs)
	}
	if got := checked.Block.Index; got != index {
		return misplaced(got, index, theirs).by(p)
	}
	return refuse(SecondHistory, "its block %d is %s, and verifies by itself; ours is another", index, checked.Hash).
		with(index, theirs).by(p)
}

// condemn is the refusal of a block that failed its check, or err when it is
// about something else.
func (s *syncer) condemn(p *peer, err error, index uint64, served []byte) error {
	if !errors.Is(err, chain.ErrInvalid) {
		return err
	}
	decimals := 0
	if s.contract != nil {
		decimals = s.contract.Decimals
	}
	why := InvalidBlock
	if _, e := chain.DecodeBlock(served, decimals); e != nil {
		why = NotCanonical
	}
	return refuse(why, "%s", clip(err.Error())).with(index, served).by(p)
}

// misplaced is the refusal of a block that stands where another belongs.
func misplaced(got, want uint64, served []byte) *refusal {
	return refuse(InvalidBlock, "block %d where %d belongs", got, want).with(want, served)
}

// blame says whose refusal it is.
func blame(p *peer, err error) error {
	var r *refusal
	if errors.As(err, &r) {
		return r.by(p)
	}
	return err
}
