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
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/durable"
)

var (
	// ErrEvidence means that an upstream served what it should not have, and
	// that it was kept.
	ErrEvidence = errors.New("there is evidence against an upstream")
	// ErrNotSynced means that this node has not been up to date yet.
	ErrNotSynced = errors.New("not synced yet")
)

// Follower follows the chains of its sources. Run does the work; all else may
// be called from any goroutine, before it too.
type Follower struct {
	cfg      Config
	ledger   Ledger
	log      *slog.Logger
	now      func() time.Time
	web      *web
	budget   *budget
	cores    chan struct{} // one for each block that is being checked
	slots    chan struct{} // one for each range fetched ahead
	asks     chan struct{} // one for each Pull that asks an upstream
	evidence *evidence
	known    *known
	looks    singleflight.Group
	looking  chan struct{}   // one for each look
	asked    []chan struct{} // by number of source: list its contracts now

	mu      sync.Mutex // guards all below
	syncers []*syncer  // in the order in which their chains were found
	byToken map[string]*syncer
	found   []discovery // by number of source
}

// New returns a follower that keeps its chains in l. It reads what an earlier
// one has left in the folders and files of cfg.
func New(cfg Config, l Ledger) (*Follower, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Sources = slices.Clone(cfg.Sources)
	for i := range cfg.Sources {
		cfg.Sources[i].Upstreams = baseURLs(cfg.Sources[i].Upstreams)
	}
	f := &Follower{
		cfg: cfg, ledger: l, log: cfg.Logger, now: cfg.Now,
		budget:  newBudget(cfg.Memory, min(2*rangeBytes, max(cfg.Memory/4, 1))),
		cores:   make(chan struct{}, runtime.GOMAXPROCS(0)),
		slots:   make(chan struct{}, cfg.Parallel),
		asks:    make(chan struct{}, maxAsks),
		looking: make(chan struct{}, maxLooks),
		byToken: map[string]*syncer{}, found: make([]discovery, len(cfg.Sources)),
	}
	if f.log == nil {
		f.log = slog.Default()
	}
	if f.now == nil {
		f.now = time.Now
	}
	for range cfg.Sources {
		f.asked = append(f.asked, make(chan struct{}, 1))
	}
	f.web = newWeb(&f.cfg)
	var err error
	if f.evidence, err = openEvidence(cfg.Evidence); err != nil {
		return nil, err
	}
	for _, dir := range []string{cfg.Checkpoints, cfg.PolicyDir} {
		if dir == "" {
			continue
		}
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	if f.known, err = readKnown(cfg.Known); err != nil {
		return nil, err
	}
	for i, src := range cfg.Sources {
		if src.Token != "" {
			if _, err := f.add(i, src.Token); err != nil {
				return nil, err
			}
		}
	}
	return f, f.recall()
}

// add begins to follow a chain. It returns nil for one that is followed.
func (f *Follower) add(source int, token string) (*syncer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byToken[token] != nil {
		return nil, nil
	}
	if len(f.syncers) >= maxChains {
		return nil, fmt.Errorf("%w: a node follows at most %d chains", chain.ContractsFull, maxChains)
	}
	s, err := newSyncer(f, source, token)
	if err != nil {
		return nil, err
	}
	f.byToken[token] = s
	f.syncers = append(f.syncers, s)
	return s, nil
}

// Run follows the chains until ctx ends, and then returns nil; it is called
// once. An error is final: the ledger's, or, with Strict, one that wraps
// ErrEvidence.
func (f *Follower) Run(ctx context.Context) error {
	defer f.web.close()
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range f.chains() {
		f.start(ctx, group, s)
	}
	for i, src := range f.cfg.Sources {
		if src.Token == "" {
			group.Go(func() error { return f.discover(ctx, group, i) })
		}
	}
	return group.Wait()
}

func (f *Follower) start(ctx context.Context, group *errgroup.Group, s *syncer) {
	group.Go(func() error { return s.run(ctx) })
	group.Go(func() error { return s.signed.run(ctx) })
	if len(s.peers) > 1 {
		group.Go(func() error { return s.watch(ctx) })
	}
}

// chains are all that are followed, in the order in which they were found.
func (f *Follower) chains() []*syncer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.syncers)
}

// Follows tells whether a contract is followed: the ledger may hold others, which
// were with another configuration.
func (f *Follower) Follows(token string) bool {
	_, err := f.chain(token)
	return err == nil
}

func (f *Follower) chain(token string) (*syncer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.byToken[token]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("%w: %q is not followed", chain.ContractUnknown, token)
}

// convict keeps the evidence of a refusal. The error is final.
func (f *Follower) convict(token string, r *refusal, now time.Time) error {
	file, err := f.evidence.keep(f.ledger, token, r, now)
	if err != nil {
		return fmt.Errorf("follower: evidence: %w", err)
	}
	f.log.Error("evidence against an upstream", "contract", token, "block", r.index,
		"upstream", r.peer.url, "reason", r.reason, "detail", r.detail, "file", file)
	if f.cfg.Strict {
		return fmt.Errorf("%w: %s about block %d of %s: %w", ErrEvidence, r.peer.url, r.index, token, r)
	}
	return nil
}

// pause waits for so long.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
