package chainsync

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/bpsc/bpsc/chain"
)

// item is a block that is good by itself, and who gave it.
type item struct {
	chain.Checked
	peer *peer
}

// part is a run of blocks on its way from upstreams to the ledger. One
// goroutine fetches it, run takes it.
type part struct {
	next, to uint64    // still to fetch; owned by who fetches
	out      chan item // closed by who fetches
	hold     *hold     // what the blocks in out take of the budget

	// Set by who fetches before out is closed.
	err    error  // why not all came; a *refusal, perhaps
	length uint64 // of the upstream's chain; 0: not said
}

// newPart returns a part of which so many blocks may wait to be taken.
func (f *Follower) newPart(from, to, room uint64) *part {
	return &part{next: from, to: to, out: make(chan item, room), hold: &hold{budget: f.budget}}
}

// stream fetches what is missing of pt from p, and checks each block by
// itself. Whether they continue our chain is for run to see.
func (s *syncer) stream(ctx context.Context, p *peer, pt *part, wait time.Duration) error {
	b, err := s.f.web.blocks(ctx, p.url, span{token: s.token, chain: s.chainID, from: pt.next, limit: pt.to - pt.next + 1, wait: wait})
	if err != nil {
		return blame(p, err)
	}
	defer b.end()
	if pt.length = b.length; b.length > 0 && b.length < pt.next-1 {
		if tip, _ := s.at(); b.length < tip {
			return refuse(Behind, "it has %d blocks, this node %d", b.length, tip).by(p)
		}
		return refuse(Truncated, "it said that it has block %d, and has %d blocks", pt.to, b.length).by(p)
	}
	for {
		line, err := b.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return blame(p, err)
		}
		if err := pt.hold.take(ctx, len(line)); err != nil {
			return err
		}
		text := append(make([]byte, 0, len(line)), line...) // no more than was taken
		checked, err := s.f.check(ctx, text, s.contract, s.chainID)
		if err != nil {
			return s.condemn(p, err, pt.next, text)
		}
		if got := checked.Block.Index; got != pt.next {
			return misplaced(got, pt.next, text).by(p)
		}
		select {
		case pt.out <- item{checked, p}:
			pt.next++
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// check is chain.CheckBlock, as often at a time as there are cores.
func (f *Follower) check(ctx context.Context, text []byte, c *chain.Contract, id chain.Hash) (chain.Checked, error) {
	select {
	case f.cores <- struct{}{}:
	case <-ctx.Done():
		return chain.Checked{}, context.Cause(ctx)
	}
	defer func() { <-f.cores }()
	return chain.CheckBlock(text, c, id)
}

// consume takes the blocks of pt into the ledger as they come, but for the
// last, which stays in s.ahead.
func (s *syncer) consume(ctx context.Context, pt *part) error {
	pt.hold.lead()
	for {
		batch, err := pt.gather(ctx)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			return pt.err
		}
		pt.hold.give(size(batch))
		if err := s.take(ctx, batch); err != nil {
			return err
		}
		if s.unsynced >= syncBytes || time.Since(s.lastSync) >= s.f.cfg.SyncEvery {
			if err := s.sync(ctx); err != nil {
				return err
			}
		}
	}
}

// gather waits for a block and takes what else is there, as much as the ledger
// is to take at once; nothing after the last.
func (pt *part) gather(ctx context.Context) (batch []item, err error) {
	select {
	case it, ok := <-pt.out:
		if !ok {
			return nil, nil
		}
		batch = append(batch, it)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	bytes, records := len(batch[0].Canonical), len(batch[0].Block.Records)
	for bytes < adoptBytes && records < adoptRecords {
		select {
		case it, ok := <-pt.out:
			if !ok {
				return batch, nil
			}
			batch = append(batch, it)
			bytes += len(it.Canonical)
			records += len(it.Block.Records)
		default:
			return batch, nil
		}
	}
	return batch, nil
}

func size(batch []item) (bytes int) {
	for _, it := range batch {
		bytes += len(it.Canonical)
	}
	return bytes
}
