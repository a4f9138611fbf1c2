package chainsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bpsc/bpsc/chain"
)

// discovery is what became of asking one source for its contracts.
type discovery struct {
	done   bool   // once
	failed string // why the last round brought nothing
	logged map[string]bool
	hidden []Hidden
}

// Hidden is a contract of a source that is not served here, because another
// ledger's contract of the same name is.
type Hidden struct {
	Token     string
	ChainID   chain.Hash
	Upstreams []string // which have it
	Served    chain.Hash
}

// Hidden are the contracts that another one of the same name hides.
func (f *Follower) Hidden() (all []Hidden) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.found {
		all = append(all, d.hidden...)
	}
	return all
}

const notFollowed = "a contract is not followed"

// discover asks a source for contracts now and then and follows new ones,
// until ctx ends. An error is final.
func (f *Follower) discover(ctx context.Context, group *errgroup.Group, source int) error {
	failures := 0
	for round := 0; ctx.Err() == nil; round++ {
		wait := f.cfg.DiscoverEvery
		contracts, err := f.list(ctx, f.cfg.Sources[source], round)
		if err != nil {
			wait = min(wait, doubled(f.cfg.RetryMin, f.cfg.RetryMax, failures))
			failures++
			f.noteDiscovery(source, err)
		} else if err := f.follow(ctx, group, source, contracts); err != nil {
			return err
		} else {
			failures = 0
			f.noteDiscovery(source, nil)
		}
		if f.rest(ctx, source, jitter(wait)) != nil {
			break
		}
	}
	return nil
}

// rest waits for so long, or until somebody asks for a contract of the source.
func (f *Follower) rest(ctx context.Context, source int, wait time.Duration) error {
	if err := pause(ctx, min(wait, f.cfg.RetryMin)); err != nil {
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.asked[source]:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// errNoContract: a cluster that is just starting, so ask again soon.
var errNoContract = errors.New("it has no contract yet")

// list asks the upstreams for their contracts, until one
// answers; another one first each round, so that none can hide a contract for
// ever.
func (f *Follower) list(ctx context.Context, src Source, round int) (contracts []listed, err error) {
	var failed []error
	for i := range src.Upstreams {
		u := src.Upstreams[(round+i)%len(src.Upstreams)]
		contracts, err := f.web.contracts(ctx, u)
		if err == nil && len(contracts) == 0 {
			err = errNoContract
		}
		if err == nil {
			return contracts, nil
		}
		failed = append(failed, fmt.Errorf("%s: %w", u, err))
	}
	return nil, errors.Join(failed...)
}

// follow starts to follow those contracts that are new. One that comes from
// another source is left to it, and remembered as one of this source, too, if it
// is the same chain.
func (f *Follower) follow(ctx context.Context, group *errgroup.Group, source int, contracts []listed) error {
	var fresh []*syncer
	var known []knownContract // in the order of the source, so as far as all are decided
	var hidden []Hidden
	undecided := false
	for _, c := range contracts {
		s, same, other, err := f.claim(source, c)
		switch {
		case err != nil:
			f.once(source, c.token, notFollowed, err.Error())
		case s != nil:
			fresh = append(fresh, s)
		case other != nil:
			hidden = append(hidden, *other)
			f.once(source, c.token, "a contract is hidden by another ledger's of the same name, which is served here",
				fmt.Sprintf("the chain %s is served, this is %s", other.Served, other.ChainID))
		case !same:
			undecided = true // the next round tells
		}
		if !undecided {
			known = append(known, knownContract{c.token, f.cfg.Sources[source].Upstreams, err != nil || other != nil, source})
		}
	}
	f.mu.Lock()
	f.found[source].hidden = hidden
	f.mu.Unlock()
	if err := f.known.add(known); err != nil {
		return fmt.Errorf("follower: %s: %w", f.cfg.Known, err)
	}
	for _, s := range fresh {
		f.log.Info("a contract was found", "contract", s.token, "upstreams", f.cfg.Sources[source].Upstreams)
		f.start(ctx, group, s)
	}
	return nil
}

// claim begins to follow a contract that a source lists, if it may be and is not
// followed yet; s is nil where it is, and the rest as of sameChain.
func (f *Follower) claim(source int, c listed) (s *syncer, same bool, other *Hidden, err error) {
	if !f.cfg.trusts(c.token) {
		return nil, false, nil, errNotTrusted
	}
	if s, err = f.add(source, c.token); s != nil || err != nil {
		return s, true, nil, err
	}
	same, other = f.sameChain(source, c)
	return nil, same, other, nil
}

// sameChain tells whether a contract that a source lists is the one that is
// followed under its name; other says so when it certainly is not. What comes from
// this very source is: whether its chain is still ours is for sync to judge.
func (f *Follower) sameChain(source int, c listed) (same bool, other *Hidden) {
	f.mu.Lock()
	s := f.byToken[c.token]
	f.mu.Unlock()
	if s.source == source {
		return true, nil
	}
	if tip, _ := s.at(); tip == 0 || c.id.IsZero() {
		return false, nil
	}
	if s.chainID == c.id {
		return true, nil
	}
	return false, &Hidden{Token: c.token, ChainID: c.id, Upstreams: f.cfg.Sources[source].Upstreams, Served: s.chainID}
}

// once warns about a contract of a source, the first time.
func (f *Follower) once(source int, token, message, detail string) {
	f.mu.Lock()
	d := &f.found[source]
	if d.logged == nil {
		d.logged = map[string]bool{}
	}
	seen := d.logged[token] || len(d.logged) >= maxChains
	if !seen {
		d.logged[token] = true
	}
	f.mu.Unlock()
	if !seen {
		f.log.Warn(message, "contract", token, "upstreams", f.cfg.Sources[source].Upstreams, "detail", detail)
	}
}

func (f *Follower) noteDiscovery(source int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := &f.found[source]
	if err == nil {
		d.done, d.failed = true, ""
		return
	}
	d.failed = err.Error()
}
