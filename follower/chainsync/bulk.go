package chainsync

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errNobody ends a part that no upstream can give now.
var errNobody = errors.New("no upstream can be asked")

// bulk fetches the blocks up to about target, which an upstream said it has,
// as ranges side by side. They are taken in order. The error may be a *refusal.
func (s *syncer) bulk(ctx context.Context, target uint64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var fetchers sync.WaitGroup
	var queue []*part
	defer func() {
		cancel(nil)
		fetchers.Wait()
		for _, pt := range queue {
			pt.hold.giveAll()
		}
		s.ahead = nil // it comes again
	}()
	tip, _ := s.at()
	next := tip + 1
	for {
		for next+farBehind <= target+1 && len(queue) <= s.f.cfg.Parallel {
			release, ok := s.f.mayFetch(len(queue) == 0)
			if !ok {
				break
			}
			end := rangeEnd(next, target, s.meanBytes)
			pt := s.f.newPart(next, end, end-next+1)
			next = end + 1
			queue = append(queue, pt)
			fetchers.Go(func() {
				defer release()
				s.fetch(ctx, pt)
			})
		}
		if len(queue) == 0 {
			return s.sync(ctx)
		}
		err := s.consume(ctx, queue[0])
		switch {
		case errors.Is(err, errDisagree), errors.Is(err, errNobody):
			return s.sync(ctx)
		case err != nil:
			return err
		}
		queue = queue[1:]
	}
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

// mayFetch takes one of the slots that all chains share; the part that its
// chain waits for goes without one if it must.
func (f *Follower) mayFetch(must bool) (release func(), ok bool) {
	select {
	case f.slots <- struct{}{}:
		return func() { <-f.slots }, true
	default:
		return func() {}, must
	}
}

// fetch fetches pt, from one upstream after the other if need be. Evidence
// ends it: run judges when all before it is stored.
func (s *syncer) fetch(ctx context.Context, pt *part) {
	defer close(pt.out)
	for pt.next <= pt.to {
		p := s.borrow(pt.to)
		if p == nil {
			pt.err = errNobody
			return
		}
		length, err := s.meet(ctx, p)
		if err == nil && length >= pt.to { // else borrow knows better now
			err = s.stream(ctx, p, pt, 0)
			if err == nil && pt.next <= pt.to {
				err = refuse(Truncated, "it said that it has block %d, and does not give block %d", pt.to, pt.next).by(p)
			}
		}
		s.giveBack(p, err)
		var r *refusal
		if errors.As(err, &r) && r.served == nil {
			err = s.refuse(r)
		}
		if err != nil {
			pt.err = err
			return
		}
	}
}

// borrow is the upstream with the least to do of those that may have a block.
func (s *syncer) borrow(index uint64) (best *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, p := range s.peers {
		if !p.usable(now) || p.met && p.length < index {
			continue
		}
		if best == nil || p.busy < best.busy {
			best = p
		}
	}
	if best != nil {
		best.busy++
	}
	return best
}

func (s *syncer) giveBack(p *peer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.busy--
	if err == nil {
		p.tries = 0
	}
}
