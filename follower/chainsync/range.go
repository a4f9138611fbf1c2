package chainsync

import (
	"context"
	"errors"
	"io"
	"runtime"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/bpsc/bpsc/chain"
)

// errNobody ends a range that no upstream can give now.
var errNobody = errors.New("no upstream can be asked")

// resources are what the fetchers of all chains share.
type resources struct {
	client *httpClient
	budget *budget
	cores  *semaphore.Weighted // one for each block that is being checked
	ahead  *semaphore.Weighted // one for each range fetched ahead
	pulls  *semaphore.Weighted // one for each Pull that asks an upstream
}

func newResources(cfg *Config) *resources {
	return &resources{
		client: newHTTPClient(cfg),
		budget: &budget{most: cfg.Memory, perRange: min(2*rangeBytes, max(cfg.Memory/4, 1))},
		cores:  semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))),
		ahead:  semaphore.NewWeighted(int64(cfg.Parallel)),
		pulls:  semaphore.NewWeighted(maxPulls),
	}
}

// fetched is a block that is good by itself, and who gave it.
type fetched struct {
	chain.Checked
	from *peer
}

// blockRange is a run of blocks on its way from upstreams to the ledger. One
// goroutine fetches it; the tracker's run takes it.
type blockRange struct {
	next, to uint64       // still to fetch; owned by who fetches
	out      chan fetched // closed by who fetches
	reserved *reservation // what the blocks in out take of the budget

	// Set by who fetches, and read once out is closed.
	err    error  // why not all came; a *refusal, perhaps
	length uint64 // of the upstream's chain; 0: not said
}

// newRange returns a range of which so many blocks may wait to be taken.
func (r *resources) newRange(from, to, room uint64) *blockRange {
	return &blockRange{next: from, to: to, out: make(chan fetched, room), reserved: &reservation{budget: r.budget}}
}

// fetch fetches r, from one upstream after the other if need be. Evidence ends
// it: the tracker's run notes it when all before it is stored.
func (f *fetcher) fetch(ctx context.Context, r *blockRange) {
	defer close(r.out)
	for r.next <= r.to {
		p := f.peers.borrow(r.to)
		if p == nil {
			r.err = errNobody
			return
		}
		length, err := f.ensure(ctx, p)
		if err == nil && length >= r.to { // else borrow knows better now
			err = f.stream(ctx, p, r, 0)
			if err == nil && r.next <= r.to {
				err = refuse(Truncated, "it said that it has block %d, and does not give block %d", r.to, r.next).by(p)
			}
		}
		f.peers.giveBack(p, err == nil)
		if refused := asRefusal(err); refused != nil && refused.served == nil {
			err = f.peers.note(err)
		}
		if err != nil {
			r.err = err
			return
		}
	}
}

// stream fetches what is missing of r from p, and checks each block by itself.
// Whether they continue our chain is for the writer to see.
func (f *fetcher) stream(ctx context.Context, p *peer, r *blockRange, wait time.Duration) error {
	h := f.local.head()
	b, err := f.client.blocks(ctx, p.url, blocksRequest{token: f.token, chain: h.id, from: r.next, limit: r.to - r.next + 1, wait: wait})
	if err != nil {
		return blame(p, err)
	}
	defer b.end()
	if r.length = b.length; b.length > 0 && b.length < r.next-1 {
		if tip := f.local.head().length; b.length < tip {
			return refuse(Behind, "it has %d blocks, this node %d", b.length, tip).by(p)
		}
		return refuse(Truncated, "it said that it has block %d, and has %d blocks", r.to, b.length).by(p)
	}
	for {
		line, err := b.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return blame(p, err)
		}
		if err := r.reserved.acquire(ctx, len(line)); err != nil {
			return err
		}
		text := append(make([]byte, 0, len(line)), line...) // no more than was acquired
		checked, err := f.check(ctx, p, r.next, text, h)
		if err != nil {
			return err
		}
		if got := checked.Block.Index; got != r.next {
			return misplaced(got, r.next, text).by(p)
		}
		select {
		case r.out <- fetched{checked, p}:
			r.next++
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// gather waits for a block and takes what else is there, as much as the ledger
// is to take at once; nothing after the last. What it takes is released.
func (r *blockRange) gather(ctx context.Context) (batch []fetched, err error) {
	select {
	case b, ok := <-r.out:
		if !ok {
			return nil, nil
		}
		batch = append(batch, b)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	bytes, records := len(batch[0].Canonical), len(batch[0].Block.Records)
	defer func() { r.reserved.release(bytes) }()
	for bytes < adoptBytes && records < adoptRecords {
		select {
		case b, ok := <-r.out:
			if !ok {
				return batch, nil
			}
			batch = append(batch, b)
			bytes += len(b.Canonical)
			records += len(b.Block.Records)
		default:
			return batch, nil
		}
	}
	return batch, nil
}

// rangeEnd is where the range that begins at from ends. A range of n blocks
// begins behind a multiple of n, and n is a power of two: then every follower
// asks for the same ranges, and a cache between serves them all. n grows from
// one range to the next up to what has about rangeBytes.
func rangeEnd(from, target uint64, meanBytes int) uint64 {
	n := uint64(1)
	for (from-1)%(2*n) == 0 && from-1+2*n <= target && 2*n <= maxRange && 2*n*uint64(max(meanBytes, 1)) <= rangeBytes {
		n *= 2
	}
	return from - 1 + n
}
