package chainsync

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/bpsc/bpsc/chain"
)

// errDisagree ends a bulk: two upstreams gave blocks that do not link. One of
// them alone will show whose fault it is.
var errDisagree = errors.New("the upstreams do not continue one another")

// take gives blocks to the ledger that are each good by itself and come after
// s.ahead, but for the last, which becomes s.ahead. A block is stored when the
// next one links to it: one that was changed, but is good by itself, would
// otherwise be found out when it is too late.
func (s *syncer) take(ctx context.Context, batch []item) error {
	if s.ahead != nil {
		batch = append([]item{*s.ahead}, batch...)
		s.ahead = nil
	}
	for i := 1; i < len(batch); i++ {
		before, it := batch[i-1], batch[i]
		if it.Block.PreviousHash == before.Hash.String() {
			continue
		}
		if err := s.adopt(ctx, batch[:i-1]); err != nil {
			return err
		}
		if it.peer != before.peer {
			return errDisagree
		}
		return refuse(InvalidBlock, "block %d does not link to the block that came before it", it.Block.Index).
			with(it.Block.Index, it.Canonical).after(before.Canonical).by(it.peer)
	}
	last := len(batch) - 1
	if err := s.adopt(ctx, batch[:last]); err != nil {
		return err
	}
	if last == 0 { // it is to link to what we have
		if _, hash := s.at(); batch[0].Block.PreviousHash != hash.String() {
			return s.judgeLink(ctx, batch[0])
		}
	}
	s.ahead = &batch[last]
	return nil
}

// adopt gives blocks that link to one another to the ledger.
func (s *syncer) adopt(ctx context.Context, batch []item) error {
	if len(batch) == 0 {
		return nil
	}
	if tip, hash := s.at(); tip > 0 && batch[0].Block.PreviousHash != hash.String() {
		return s.judgeLink(ctx, batch[0])
	}
	run := make([]chain.Checked, len(batch))
	for i, it := range batch {
		run[i] = it.Checked
	}
	n, err := s.f.ledger.Adopt(s.token, run)
	s.advance(run[:n])
	if errors.Is(err, chain.ErrInvalid) && n < len(run) {
		bad := batch[n]
		return refuse(InvalidBlock, "%s", clip(err.Error())).with(bad.Block.Index, bad.Canonical).by(bad.peer)
	}
	return err
}

// advance notes what the ledger has taken.
func (s *syncer) advance(run []chain.Checked) {
	if len(run) == 0 {
		return
	}
	taken := 0
	for _, c := range run {
		taken += len(c.Canonical)
	}
	s.unsynced += taken
	s.meanBytes = (3*s.meanBytes + taken/len(run)) / 4
	s.mu.Lock()
	defer s.mu.Unlock()
	last := run[len(run)-1]
	s.tip, s.tipHash = last.Block.Index, last.Hash
	s.length = max(s.length, s.tip)
	s.changed()
}

// judgeLink says what it means that a block which is good by itself does not
// continue our chain: what stands before it at its upstream?
func (s *syncer) judgeLink(ctx context.Context, it item) error {
	tip, hash := s.at()
	theirs, err := s.block(ctx, it.peer, tip)
	if ctx.Err() != nil {
		return err
	}
	ours, _, e := s.f.ledger.Block(s.token, tip)
	switch {
	case e != nil:
		return e
	case err != nil: // it does not say; the block we have shows enough
		return refuse(SecondHistory, "its block %d continues %s, ours is %s", it.Block.Index, it.Block.PreviousHash, hash).
			with(it.Block.Index, it.Canonical).by(it.peer)
	case bytes.Equal(theirs, ours):
		return refuse(InvalidBlock, "block %d does not link to the block before it", it.Block.Index).
			with(it.Block.Index, it.Canonical).by(it.peer)
	}
	return s.judge(ctx, it.peer, tip, theirs)
}

// sync makes durable what was taken.
func (s *syncer) sync(ctx context.Context) error {
	s.lastSync = time.Now()
	if s.unsynced == 0 {
		return nil
	}
	s.unsynced = 0
	return s.f.ledger.Sync(ctx)
}
