// Package chainsync keeps verified copies of chains on a node outside the
// cluster. It pulls them from upstreams that may lie, checks everything before
// it stores anything, and never replaces what is stored. See DESIGN.md beside
// this file.
package chainsync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/durable"
)

// ErrEvidence means that an upstream served what it should not have, and that it
// was kept.
var ErrEvidence = errors.New("there is evidence against an upstream")

// errNotSynced: this node has not been up to date yet.
var errNotSynced = errors.New("not synced yet")

// Syncer keeps the chains of its sources up to date. Run does the work; all else
// may be called from any goroutine, before it too.
type Syncer struct {
	cfg       Config
	ledger    Ledger
	resources *resources
	evidence  *evidence
	known     *known
	sources   []*source // by number in cfg.Sources
	lookups   lookups

	mu       sync.Mutex // guards all below
	trackers []*tracker // in the order in which their chains were found
	byToken  map[string]*tracker
}

// New returns a syncer that keeps its chains in l. It reads what an earlier
// one has left in the folders and files of cfg.
func New(cfg Config, l Ledger) (*Syncer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Sources = slices.Clone(cfg.Sources)
	for _, dir := range []string{cfg.Evidence, cfg.Checkpoints, cfg.PolicyDir} {
		if dir == "" {
			continue
		}
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	if err := cfg.rememberRecoveries(); err != nil {
		return nil, err
	}
	s := &Syncer{cfg: cfg, ledger: l, byToken: map[string]*tracker{}, lookups: lookups{slots: semaphore.NewWeighted(maxLookups)}}
	s.resources = newResources(&s.cfg)
	s.evidence = &evidence{cfg: &s.cfg, ledger: l}
	var err error
	if s.known, err = readKnown(cfg.Known, cfg.Kept); err != nil {
		return nil, err
	}
	for i, src := range s.cfg.Sources {
		src.Upstreams = baseURLs(src.Upstreams)
		s.cfg.Sources[i] = src
		s.sources = append(s.sources, &source{Source: src, number: i, syncer: s, wake: make(chan struct{}, 1)})
		if src.Token != "" {
			if _, _, err := s.add(i, src.Token); err != nil {
				return nil, err
			}
		}
	}
	if err := s.recall(); err != nil {
		return nil, err
	}
	return s, s.cfg.adopt()
}

// add begins to follow a chain, unless it is followed already.
func (s *Syncer) add(source int, token string) (t *tracker, added bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.byToken[token]; t != nil {
		return t, false, nil
	}
	if len(s.trackers) >= maxChains {
		return nil, false, fmt.Errorf("%w: a node follows at most %d chains", chain.ContractsFull, maxChains)
	}
	if t, err = newTracker(s, source, token); err != nil {
		return nil, false, err
	}
	s.byToken[token] = t
	s.trackers = append(s.trackers, t)
	return t, true, nil
}

// Run follows the chains until ctx ends, and then returns nil; it is called
// once. An error is final: the ledger's, or, with Strict, one that wraps
// ErrEvidence.
func (s *Syncer) Run(ctx context.Context) error {
	defer s.resources.client.http.CloseIdleConnections()
	group, ctx := errgroup.WithContext(ctx)
	start := func(t *tracker) {
		group.Go(func() error { return t.run(ctx) })
		group.Go(func() error { return t.checkpoints.run(ctx) })
		if len(t.peers.all) > 1 {
			group.Go(func() error { return t.watch(ctx) })
		}
	}
	for _, t := range s.chains() {
		start(t)
	}
	for _, src := range s.sources {
		if src.Token == "" {
			group.Go(func() error { return src.run(ctx, start) })
		}
	}
	return group.Wait()
}

// chains are all that are followed, in the order in which they were found.
func (s *Syncer) chains() []*tracker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.trackers)
}

func (s *Syncer) tracker(token string) (*tracker, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.byToken[token]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("%w: %q is not followed", chain.ContractUnknown, token)
}

// Follows tells whether a contract is followed: the ledger may hold others, which
// were with another configuration.
func (s *Syncer) Follows(token string) bool {
	_, err := s.tracker(token)
	return err == nil
}

// Pull asks an upstream how long the chain is, and returns when this node has
// as much. The error wraps outcome.NoUpstream when none answers, and
// chain.ContractUnknown when the chain is not followed.
func (s *Syncer) Pull(ctx context.Context, token string) error {
	t, err := s.tracker(token)
	if err != nil {
		return err
	}
	return t.pull(ctx)
}

// Upstreams are the base URLs to which writes may be sent, in the order to try:
// the upstream in use, others that may be asked, and then those put aside. What
// sync refuses is not among them, nor is one whose chain has not been compared
// with ours yet: a transfer there would move on a chain that this node does not
// take for the ledger. None for a chain that is not followed.
func (s *Syncer) Upstreams(token string) (urls []string) {
	t, err := s.tracker(token)
	if err != nil {
		return nil
	}
	for _, p := range t.peers.ordered(func(p *peer, _ time.Time) bool { return p.ours }) {
		urls = append(urls, p.url)
	}
	return urls
}
