package chainsync

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// errSwitch ends a long poll because another upstream has more.
var errSwitch = errors.New("another upstream has a longer chain")

// peers are the upstreams of one chain, what is known of each, and the choice
// between them.
//
// All methods may be called from any goroutine: the tracker's two, those that
// fetch ranges, the checkpoints', and those of clients that pull. mu guards the
// fields below it and those of every peer but the URL; so whoever holds a *peer
// may read its URL, and asks here for the rest. Nothing here waits for an
// upstream, and no other lock of this package is taken while mu is held.
type peers struct {
	cfg      *Config
	token    string
	evidence *evidence
	all      []*peer       // in the order to try; never changes
	wake     chan struct{} // ends a pause

	mu       sync.Mutex
	current  *peer                   // the one in use; nil: to be chosen
	poll     context.CancelCauseFunc // ends the long poll that is under way, or nil
	length   uint64                  // of the current one's chain, as last seen
	tip      uint64                  // of ours
	missing  backlog                 // what length has beyond tip
	synced   bool                    // we had as many, once
	contact  time.Time               // when one last answered well
	refusals map[Reason]uint64
	refused  broadcast
}

func newPeers(cfg *Config, token string, urls []string, e *evidence) *peers {
	ps := &peers{cfg: cfg, token: token, evidence: e, wake: make(chan struct{}, 1), refusals: map[Reason]uint64{}}
	for _, u := range urls {
		ps.all = append(ps.all, &peer{url: u})
	}
	return ps
}

// choose waits for an upstream that can be asked: the one in use while it can
// be, else the first.
func (ps *peers) choose(ctx context.Context) (*peer, error) {
	for {
		p, wait := ps.candidate()
		if p != nil {
			return p, nil
		}
		if err := pause(ctx, wait, ps.wake); err != nil {
			return nil, err
		}
	}
}

// candidate is the upstream to ask next, or how long until there is one.
func (ps *peers) candidate() (p *peer, wait time.Duration) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.current != nil {
		return ps.current, 0
	}
	now := time.Now()
	wait = ps.all[0].aside.Sub(now)
	for _, p := range ps.all {
		if p.usable(now) {
			ps.current = p
			return p, 0
		}
		wait = min(wait, p.aside.Sub(now))
	}
	return nil, wait
}

// borrow is the upstream with the least to do of those that may have a block;
// nil: none. Whoever got it gives it back.
func (ps *peers) borrow(index uint64) (best *peer) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	now := time.Now()
	for _, p := range ps.all {
		if !p.usable(now) || p.probed && p.length < index {
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

func (ps *peers) giveBack(p *peer, served bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.busy--
	if served {
		p.failures = 0
	}
}

// ordered are those that pick selects, in the order to try: the one in use,
// others that may be asked, and then those put aside.
func (ps *peers) ordered(pick func(p *peer, now time.Time) bool) (list []*peer) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	now := time.Now()
	rank := func(p *peer) int {
		switch {
		case p == ps.current:
			return 0
		case p.usable(now):
			return 1
		}
		return 2
	}
	for _, p := range ps.all {
		if pick(p, now) {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(a, b *peer) int { return cmp.Compare(rank(a), rank(b)) })
	return list
}

// idle are the upstreams that are not in use and may be asked.
func (ps *peers) idle() []*peer {
	return ps.ordered(func(p *peer, now time.Time) bool { return p != ps.current && p.usable(now) })
}

// askable are the upstreams that are not down. A liar is asked only with all
// others: what it shows may be worth more than what it says.
func (ps *peers) askable(all bool) []*peer {
	return ps.ordered(func(p *peer, now time.Time) bool { return p.usable(now) || all && p.lied(now) })
}

// known is how long p's chain is, where it is known to be ours.
func (ps *peers) known(p *peer) (length uint64, ok bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return p.length, p.probed
}

// answered notes how long p says that its chain is.
func (ps *peers) answered(p *peer, length uint64) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.length, ps.contact = length, ps.cfg.Now()
	if ps.current == p || ps.current == nil {
		ps.has(length)
	}
}

// has notes how long the chain is at the upstream that counts. The caller holds mu.
func (ps *peers) has(length uint64) {
	ps.length = length
	ps.missing.heard(length, ps.tip, ps.cfg.Now())
}

// matched notes that p's chain is ours as far as both go, and whether it is at
// least as long.
func (ps *peers) matched(p *peer, whole bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.ours = true
	p.probed = p.probed || whole
}

// caughtUp is how long p's chain is, and notes whether we have as much: an idle
// chain would otherwise be synced only after a long poll.
func (ps *peers) caughtUp(p *peer, tip uint64) (length uint64) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.synced = ps.synced || tip >= p.length
	return p.length
}

// grew notes how many blocks we have.
func (ps *peers) grew(tip uint64) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.tip, ps.length = max(ps.tip, tip), max(ps.length, tip)
	ps.missing.grew(ps.tip)
}

// polling says how to end the long poll that is under way; nil: none is.
func (ps *peers) polling(cancel context.CancelCauseFunc) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.poll = cancel
}

// polled notes p's answer to a long poll, taken to its end: how long it says
// that its chain is (0: longer than what we asked for) and how long ours is now.
func (ps *peers) polled(p *peer, length, tip uint64) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.failures, ps.contact = 0, ps.cfg.Now()
	if length == 0 { // a probe asks how much
		p.probed = false
		return
	}
	p.length = max(length, tip)
	ps.has(p.length)
	ps.synced = ps.synced || tip >= length
}

// pulled ends a pause: p answered a client's pull, and has length blocks. It
// ends a long poll too where that is at another upstream, which did not answer.
func (ps *peers) pulled(p *peer, length, tip uint64) {
	ps.mu.Lock()
	if !p.lied(time.Now()) {
		p.aside = time.Time{}
	}
	ps.has(length)
	ps.contact = ps.cfg.Now()
	if p != ps.current && length > tip {
		ps.switchTo(p)
	}
	ps.mu.Unlock()
	select {
	case ps.wake <- struct{}{}:
	default:
	}
}

// prefer makes p the one in use if it has more than the one that is. Where
// blocks keep coming a few more are no more than the time between two answers.
func (ps *peers) prefer(p *peer, length, tip uint64, quiet bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if more := max(length, tip) - tip; more >= farBehind || quiet && more > 0 {
		ps.switchTo(p)
	}
}

// switchTo makes p the one in use in place of the one at which a long poll is
// under way. The caller holds mu.
func (ps *peers) switchTo(p *peer) {
	if ps.poll != nil {
		ps.current = p
		ps.poll(errSwitch)
	}
}

// lastRefusal is p's, and what is closed by the next one of any upstream.
func (ps *peers) lastRefusal(p *peer) (Refusal, <-chan struct{}) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return p.refused, ps.refused.wait()
}

// note puts an upstream aside if err is a *refusal, and keeps its evidence. An
// error that is left is final.
func (ps *peers) note(err error) error {
	r := asRefusal(err)
	if r == nil {
		return err
	}
	p, now := r.peer, ps.cfg.Now()
	ps.mu.Lock()
	news := p.refused.Reason != r.reason
	p.refused = Refusal{r.reason, r.detail, now}
	ps.refusals[r.reason]++
	if r.reason != CheckpointRefused {
		p.putAside(r.reason, ps.cfg)
		if ps.current == p {
			ps.current = nil
		}
	}
	ps.refused.send()
	ps.mu.Unlock()

	level := slog.LevelInfo
	switch {
	case r.reason.lie(), r.reason == CheckpointRefused && news:
		level = slog.LevelWarn
	case !news: // it is still down
		level = slog.LevelDebug
	}
	ps.cfg.Logger.Log(context.Background(), level, "an upstream was refused", "contract", ps.token,
		"upstream", p.url, "reason", r.reason, "detail", r.detail)
	if r.served == nil {
		return nil
	}
	return ps.evidence.report(ps.token, r, now)
}

// pause waits for so long, or until wake; nil: for so long.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}
