package follower

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// discovery is what became of asking one source for its contracts.
type discovery struct {
	done   bool   // once
	failed string // why the last round brought nothing
	logged map[string]bool
}

// discover asks a source for contracts now and then and follows new ones,
// until ctx ends. An error is final.
func (f *Follower) discover(ctx context.Context, group *errgroup.Group, source int) error {
	failures := 0
	for round := 0; ctx.Err() == nil; round++ {
		wait := f.cfg.DiscoverEvery
		tokens, err := f.list(ctx, f.cfg.Sources[source], round)
		if err != nil {
			wait = min(wait, doubled(f.cfg.RetryMin, f.cfg.RetryMax, failures))
			failures++
			f.noteDiscovery(source, err)
		} else if err := f.follow(ctx, group, source, tokens); err != nil {
			return err
		} else {
			failures = 0
			f.noteDiscovery(source, nil)
		}
		if pause(ctx, jitter(wait)) != nil {
			break
		}
	}
	return nil
}

// errNoContract: a cluster that is just starting, so ask again soon.
var errNoContract = errors.New("it has no contract yet")

// list asks the upstreams for the tokens of their contracts, until one
// answers; another one first each round, so that none can hide a contract for
// ever.
func (f *Follower) list(ctx context.Context, src Source, round int) (tokens []string, err error) {
	var failed []error
	for i := range src.Upstreams {
		u := src.Upstreams[(round+i)%len(src.Upstreams)]
		tokens, err := f.web.contracts(ctx, u)
		if err == nil && len(tokens) == 0 {
			err = errNoContract
		}
		if err == nil {
			return tokens, nil
		}
		failed = append(failed, fmt.Errorf("%s: %w", u, err))
	}
	return nil, errors.Join(failed...)
}

// follow starts to follow those contracts that are new. One that has a source
// of its own is left to it, but remembered as one of this source too.
func (f *Follower) follow(ctx context.Context, group *errgroup.Group, source int, tokens []string) error {
	var fresh []*syncer
	var own []string
	for _, token := range tokens {
		s, err := f.add(source, token)
		if err != nil {
			f.once(source, token, "a contract is not followed", err.Error())
			continue
		}
		if s != nil {
			fresh = append(fresh, s)
		} else if other := f.sourceOf(token); other.Token == "" && !slices.Equal(other.Upstreams, f.cfg.Sources[source].Upstreams) {
			f.once(source, token, "a contract of that name comes from another source", strings.Join(other.Upstreams, ","))
			continue
		}
		own = append(own, token)
	}
	if err := f.known.add(own, source, f.cfg.Sources[source].Upstreams); err != nil {
		return fmt.Errorf("follower: %s: %w", f.cfg.Known, err)
	}
	for _, s := range fresh {
		f.log.Info("a contract was found", "contract", s.token, "upstreams", f.cfg.Sources[source].Upstreams)
		f.start(ctx, group, s)
	}
	return nil
}

// sourceOf is where a chain that is followed comes from.
func (f *Follower) sourceOf(token string) Source {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cfg.Sources[f.byToken[token].source]
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
