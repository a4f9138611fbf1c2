package chainsync

import (
	"context"
	"fmt"
	"time"

	"github.com/bpsc/bpsc/internal/outcome"
)

// Pull asks an upstream how long the chain is, and returns when this node has
// as much. The error wraps outcome.NoUpstream when none answers, and
// chain.ContractUnknown when the chain is not followed.
func (f *Follower) Pull(ctx context.Context, token string) error {
	s, err := f.chain(token)
	if err != nil {
		return err
	}
	for again := false; ; again = true {
		p, length, err := s.askAny(ctx, again)
		if err != nil {
			return err
		}
		if done, err := s.await(ctx, p, length); done || err != nil {
			return err
		}
	}
}

// askAny asks one upstream after the other for the length of the chain. The
// first time it asks those as well that were down, for they may be up again;
// after that their pauses hold, or a Pull would undo every one of them.
func (s *syncer) askAny(ctx context.Context, again bool) (*peer, uint64, error) {
	select {
	case s.f.asks <- struct{}{}:
		defer func() { <-s.f.asks }()
	case <-ctx.Done():
		return nil, 0, context.Cause(ctx)
	}
	last := error(ErrNotSynced) // all are aside
	for _, p := range s.order() {
		s.mu.Lock()
		now := time.Now()
		skip := p.lied(now) || again && !p.usable(now)
		s.mu.Unlock()
		if skip {
			continue
		}
		patience, cancel := context.WithTimeout(ctx, pullPatience)
		length, err := s.f.web.length(patience, p.url, s.token)
		cancel()
		if err == nil {
			s.nudge(p, length)
			return p, length, nil
		}
		if ctx.Err() != nil {
			return nil, 0, err
		}
		last = fmt.Errorf("%s: %w", p.url, err)
	}
	return nil, 0, fmt.Errorf("%w: %s: %w", outcome.NoUpstream, s.token, last)
}

// await waits until this node has as many blocks; false when p, who said that
// there are, has been refused meanwhile.
func (s *syncer) await(ctx context.Context, p *peer, length uint64) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := p.refused
	for s.tip < length {
		if p.refused != before {
			return false, nil
		}
		grown := s.grown
		s.mu.Unlock()
		select {
		case <-grown:
		case <-ctx.Done():
		}
		s.mu.Lock()
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
	}
	return true, nil
}

// Upstreams are the base URLs to which writes may be sent, in the order to try:
// the upstream in use, others that may be asked, and then those put aside. What
// sync refuses is not among them, nor is one whose chain has not been compared
// with ours yet: a transfer there would move on a chain that this node does not
// take for the ledger. None for a chain that is not followed.
func (f *Follower) Upstreams(token string) (urls []string) {
	s, err := f.chain(token)
	if err != nil {
		return nil
	}
	peers := s.order()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range peers {
		if p.ours {
			urls = append(urls, p.url)
		}
	}
	return urls
}

func (s *syncer) order() []*peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var first, good, aside []*peer
	for _, p := range s.peers {
		switch {
		case p == s.current:
			first = append(first, p)
		case p.usable(now):
			good = append(good, p)
		default:
			aside = append(aside, p)
		}
	}
	return append(append(first, good...), aside...)
}
