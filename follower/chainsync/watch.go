package chainsync

import (
	"context"
	"errors"
	"time"
)

// watch compares the other upstreams' chains with ours now and then, until ctx
// ends. So an upstream that keeps new blocks back is found out, and a second
// history also where nobody would have asked for it. An error is final.
func (s *syncer) watch(ctx context.Context) error {
	before := uint64(0)
	for {
		if err := pause(ctx, jitter(2*s.f.cfg.CompareEvery)); err != nil {
			return nil // ctx ended
		}
		tip, _ := s.at()
		for _, p := range s.others() {
			length, err := s.compare(ctx, p)
			var r *refusal
			if errors.As(err, &r) {
				err = s.refuse(r)
			} else if err == nil {
				s.prefer(p, length, tip == before)
			}
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
		}
		before = tip
	}
}

// others are the upstreams that are not in use and may be asked.
func (s *syncer) others() (list []*peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, p := range s.peers {
		if s.tip > 0 && p != s.current && p.usable(now) {
			list = append(list, p)
		}
	}
	return list
}

// prefer makes p the one in use if it has more than the one that is. Where
// blocks keep coming a few more are no more than the time between two answers.
func (s *syncer) prefer(p *peer, length uint64, quiet bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if more := max(length, s.tip) - s.tip; s.poll == nil || more == 0 || !quiet && more < farBehind {
		return
	}
	s.current = p
	s.poll(errSwitch)
}
