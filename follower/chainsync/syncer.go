package chainsync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bpsc/bpsc/chain"
)

// errSwitch ends a long poll because another upstream has more.
var errSwitch = errors.New("another upstream has a longer chain")

// syncer keeps one chain up to date. Its own goroutine (run) is the only one
// that calls the ledger's Adopt for this chain; those that fetch, and compare,
// only ask upstreams.
type syncer struct {
	f      *Follower
	token  string
	source int        // index in cfg.Sources
	pinned chain.Hash // zero: whatever comes first
	peers  []*peer    // in the order to try; the slice never changes
	wake   chan struct{}
	signed *checkpoints

	// Owned by run.
	meanBytes int // of the blocks that came last
	unsynced  int // bytes taken since the ledger was made durable
	lastSync  time.Time
	ahead     *item // good by itself, and stored when the next block links to it
	alone     bool  // ask one upstream only, for once: several brought nothing

	// Set by run before tip is more than 0, and never changed after.
	contract *chain.Contract
	chainID  chain.Hash

	mu       sync.Mutex // guards all below, and the peers
	tip      uint64     // blocks that the ledger has; 0: not begun
	tipHash  chain.Hash
	grown    chan struct{} // closed, and replaced, when something changes
	current  *peer
	poll     context.CancelCauseFunc // ends the long poll that is under way, or nil
	length   uint64                  // of the upstream's chain, as last seen
	synced   bool                    // was as long as that, once
	contact  time.Time               // when an upstream last answered well
	refusals map[Reason]uint64
}

func newSyncer(f *Follower, source int, token string) (*syncer, error) {
	src := f.cfg.Sources[source]
	s := &syncer{
		f: f, token: token, source: source, pinned: f.cfg.pin(token), wake: make(chan struct{}, 1),
		grown: make(chan struct{}), refusals: map[Reason]uint64{},
	}
	for _, u := range src.Upstreams {
		s.peers = append(s.peers, &peer{url: u})
	}
	info, err := f.ledger.Contract(token)
	switch {
	case errors.Is(err, chain.ContractUnknown):
		s.signed, err = newCheckpoints(s)
		return s, err
	case err != nil:
		return nil, err
	case !s.pinned.IsZero() && info.ID != s.pinned:
		return nil, fmt.Errorf("follower: the stored chain of %s is %s, not %s", token, info.ID, s.pinned)
	}
	tip, _, err := f.ledger.Block(token, info.Length)
	s.contract, s.chainID, s.meanBytes = &info.Contract, info.ID, len(tip)
	s.tip, s.tipHash = info.Length, info.Tip
	if err != nil {
		return nil, err
	}
	s.signed, err = newCheckpoints(s)
	return s, err
}

// run follows the chain until ctx ends. An error is final.
func (s *syncer) run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := s.step(ctx)
		var r *refusal
		if errors.As(err, &r) {
			err = s.refuse(r)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, errSwitch) {
			return err
		}
	}
	return nil
}

// step gets blocks from one upstream, or from several when many are missing,
// until something changes. The error may be a *refusal.
func (s *syncer) step(ctx context.Context) error {
	p, err := s.choose(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	length, tip := p.length, s.tip
	s.synced = s.synced || tip >= length // or an idle chain would be only after a long poll
	s.mu.Unlock()
	if length < tip+farBehind || s.alone {
		s.alone = false
		return s.tail(ctx, p)
	}
	err = s.bulk(ctx, length)
	now, _ := s.at()
	s.alone = now == tip
	return err
}

// choose waits for an upstream that can be asked, and has met it.
func (s *syncer) choose(ctx context.Context) (*peer, error) {
	for {
		p, wait := s.candidate()
		if p == nil {
			if err := s.sleep(ctx, wait); err != nil {
				return nil, err
			}
			continue
		}
		_, err := s.meet(ctx, p)
		return p, err
	}
}

// candidate is the upstream to ask next: the one in use while it can be, else
// the first; or how long until there is one.
func (s *syncer) candidate() (p *peer, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		return s.current, 0
	}
	now := time.Now()
	wait = s.peers[0].aside.Sub(now)
	for _, p := range s.peers {
		if p.usable(now) {
			s.current = p
			return p, 0
		}
		wait = min(wait, p.aside.Sub(now))
	}
	return nil, wait
}

// sleep waits for so long, or until nudge.
func (s *syncer) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.wake:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// nudge ends a pause: p answered somebody else, and has length blocks. It ends
// a long poll too where that is at another upstream, which did not answer.
func (s *syncer) nudge(p *peer, length uint64) {
	s.mu.Lock()
	if !p.lied(time.Now()) {
		p.aside = time.Time{}
	}
	s.length, s.contact = length, s.f.now()
	if p != s.current && length > s.tip && s.poll != nil {
		s.current = p
		s.poll(errSwitch)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// changed must be called with mu held.
func (s *syncer) changed() {
	close(s.grown)
	s.grown = make(chan struct{})
}

// at is where the ledger stands.
func (s *syncer) at() (tip uint64, hash chain.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tip, s.tipHash
}

// refuse notes a refusal, keeps its evidence, and puts the upstream aside. The
// error is final.
func (s *syncer) refuse(r *refusal) error {
	p, now := r.peer, s.f.now()
	s.mu.Lock()
	news := p.refused.Reason != r.reason
	p.refused = Refusal{r.reason, r.detail, now}
	s.refusals[r.reason]++
	if r.reason != CheckpointRefused {
		p.putAside(r.reason, &s.f.cfg)
		if s.current == p {
			s.current = nil
		}
	}
	s.changed()
	s.mu.Unlock()

	level := slog.LevelInfo
	switch {
	case r.reason.lie(), r.reason == CheckpointRefused && news:
		level = slog.LevelWarn
	case !news: // it is still down
		level = slog.LevelDebug
	}
	s.f.log.Log(context.Background(), level, "an upstream was refused", "contract", s.token,
		"upstream", p.url, "reason", r.reason, "detail", r.detail)
	if r.served == nil {
		return nil
	}
	return s.f.convict(s.token, r, now)
}
