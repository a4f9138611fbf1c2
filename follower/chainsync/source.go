package chainsync

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
)

var (
	// errNoContract: a cluster that is just starting, so ask again soon.
	errNoContract = errors.New("it has no contract yet")
	// errPending: an upstream has the contract, and this node is about to.
	errPending = errors.New("an upstream has it, and its chain has not begun here yet")
)

// Hidden is a contract of a source that is not served here, because another
// ledger's contract of the same name is.
type Hidden struct {
	Token     string     `json:"contract"`
	ChainID   chain.Hash `json:"chain_id"`
	Upstreams []string   `json:"upstreams"`       // which have it
	Served    chain.Hash `json:"served_chain_id"` // the other one
}

// source is where chains come from. One without a token has a goroutine (run)
// that lists its contracts and follows what is new.
type source struct {
	Source
	number int // in Config.Sources
	syncer *Syncer
	wake   chan struct{} // a lookup has found a contract here: list now

	warned map[string]bool // owned by run: contracts that were warned about

	mu     sync.Mutex // guards all below
	listed bool       // once
	failed string     // why the last round brought nothing
	hidden []Hidden
}

// run lists the contracts now and then and follows new ones, until ctx ends.
// start runs the tracker of a new one. An error is final.
func (src *source) run(ctx context.Context, start func(*tracker)) error {
	cfg := &src.syncer.cfg
	src.warned = map[string]bool{}
	failures := 0
	for round := 0; ctx.Err() == nil; round++ {
		wait := cfg.DiscoverEvery
		contracts, err := src.list(ctx, round)
		if err != nil {
			wait = min(wait, backoff(cfg.RetryMin, cfg.RetryMax, failures))
			failures++
		} else if err := src.follow(contracts, start); err != nil {
			return err
		} else {
			failures = 0
		}
		src.mu.Lock()
		if src.failed = ""; err != nil {
			src.failed = err.Error()
		}
		src.listed = src.listed || err == nil
		src.mu.Unlock()
		if src.rest(ctx, cfg.jitter(wait)) != nil {
			break
		}
	}
	return nil
}

// rest waits for so long, or until somebody asks for a contract of the source.
func (src *source) rest(ctx context.Context, wait time.Duration) error {
	if err := pause(ctx, min(wait, src.syncer.cfg.RetryMin), nil); err != nil {
		return err
	}
	return pause(ctx, wait, src.wake)
}

// list asks the upstreams for their contracts, until one answers; another one
// first each round, so that none can hide a contract for ever.
func (src *source) list(ctx context.Context, round int) (contracts []listed, err error) {
	err = src.ask(round, func(u string) error {
		contracts, err = src.syncer.resources.client.contracts(ctx, u)
		if err == nil && len(contracts) == 0 {
			err = errNoContract
		}
		return err
	})
	return contracts, err
}

// ask asks the upstreams one after the other, beginning with that number, until
// one answers.
func (src *source) ask(first int, ask func(upstream string) error) error {
	var failed []error
	for i := range src.Upstreams {
		u := src.Upstreams[(first+i)%len(src.Upstreams)]
		err := ask(u)
		if err == nil {
			return nil
		}
		failed = append(failed, fmt.Errorf("%s: %w", u, err))
	}
	return errors.Join(failed...)
}

// follow starts to follow those contracts that are new. One that comes from
// another source is left to it, and remembered as one of this source, too, if it
// is the same chain.
func (src *source) follow(contracts []listed, start func(*tracker)) error {
	s := src.syncer
	var fresh []*tracker
	var known []knownContract // in the order of the source, so as far as all are decided
	var hidden []Hidden
	undecided := false
	for _, c := range contracts {
		t, other, decided, err := src.claim(c)
		switch {
		case err != nil:
			src.warn(c.token, "a contract is not followed", err.Error())
		case t != nil:
			fresh = append(fresh, t)
		case other != nil:
			hidden = append(hidden, *other)
			src.warn(c.token, "a contract is hidden by another ledger's of the same name, which is served here",
				fmt.Sprintf("the chain %s is served, this is %s", other.Served, other.ChainID))
		case !decided:
			undecided = true // the next round tells
		}
		if !undecided {
			known = append(known, knownContract{c.token, src.Upstreams, err != nil || other != nil, src.number})
		}
	}
	src.mu.Lock()
	src.hidden = hidden
	src.mu.Unlock()
	if err := s.known.add(known); err != nil {
		return fmt.Errorf("follower: %s: %w", s.cfg.Known, err)
	}
	for _, t := range fresh {
		s.cfg.Logger.Info("a contract was found", "contract", t.token, "upstreams", src.Upstreams)
		start(t)
	}
	return nil
}

// claim begins to follow a contract that the source lists, if it may be and is not
// followed yet; added is nil where it is. Then decided tells whether it is known
// that the one followed is this one, or another ledger's of the same name. What
// comes from this very source is: whether its chain is still ours is for its
// tracker to judge.
func (src *source) claim(c listed) (added *tracker, other *Hidden, decided bool, err error) {
	if !src.syncer.cfg.trusts(c.token) {
		return nil, nil, true, errNotTrusted
	}
	t, fresh, err := src.syncer.add(src.number, c.token)
	if fresh || err != nil {
		return t, nil, true, err
	}
	h := t.writer.head()
	switch {
	case t.source == src.number:
		return nil, nil, true, nil
	case h.length == 0 || c.id.IsZero():
		return nil, nil, false, nil
	case h.id == c.id:
		return nil, nil, true, nil
	}
	return nil, &Hidden{Token: c.token, ChainID: c.id, Upstreams: src.Upstreams, Served: h.id}, true, nil
}

// warn warns about a contract of the source, the first time.
func (src *source) warn(token, message, detail string) {
	if !src.warned[token] && len(src.warned) < maxChains {
		src.warned[token] = true
		src.syncer.cfg.Logger.Warn(message, "contract", token, "upstreams", src.Upstreams, "detail", detail)
	}
}

// Hidden are the contracts that another one of the same name hides.
func (s *Syncer) Hidden() (all []Hidden) {
	for _, src := range s.sources {
		src.mu.Lock()
		all = append(all, src.hidden...)
		src.mu.Unlock()
	}
	return all
}

// lookups are the requests about unknown contracts that are under way: one for
// each token, and a few at a time.
type lookups struct {
	byToken singleflight.Group
	slots   *semaphore.Weighted
}

// Lookup returns nil when no upstream has a contract of that token that is not
// followed here; an error is why there may be one in a moment. It is for when
// this node is asked for a contract that it does not know: upstreams list theirs
// now and then only. Those who ask for the same token share one lookup, which ends
// a circle of followers that ask each other, too.
func (s *Syncer) Lookup(ctx context.Context, token string) error {
	switch {
	case s.Follows(token):
		return errPending
	case !s.cfg.trusts(token):
		return nil // an upstream may have it, and it is not followed from there
	}
	result := s.lookups.byToken.DoChan(token, func() (any, error) {
		if !s.lookups.slots.TryAcquire(1) {
			return nil, errors.New("too many unknown contracts are asked for")
		}
		defer s.lookups.slots.Release(1)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		return nil, s.lookup(ctx, token)
	})
	select {
	case r := <-result:
		return r.Err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", outcome.NoUpstream, context.Cause(ctx))
	}
}

// lookup asks every source whose contracts are all followed.
func (s *Syncer) lookup(ctx context.Context, token string) error {
	for _, src := range s.sources {
		if src.Token != "" {
			continue
		}
		there := false
		err := src.ask(0, func(u string) error {
			_, err := s.resources.client.length(ctx, u, token)
			if r := asRefusal(err); r != nil && r.status == http.StatusNotFound {
				return nil
			}
			there = err == nil
			return err
		})
		if err != nil {
			return errors.Join(outcome.NoUpstream, err)
		}
		if there {
			select {
			case src.wake <- struct{}{}: // it is followed at once
			default:
			}
			return errPending
		}
	}
	return nil
}
