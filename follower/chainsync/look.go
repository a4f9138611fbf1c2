package chainsync

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bpsc/bpsc/internal/outcome"
)

// errOnItsWay: an upstream has the contract, and this node is about to.
var errOnItsWay = errors.New("an upstream has it, and its chain has not begun here yet")

// Look returns nil when no upstream has a contract of that token that is not
// followed here; an error is why there may be one in a moment. It is for when
// this node is asked for a contract that it does not know: upstreams list theirs
// now and then only. Those who ask for the same token share one look, which ends
// a circle of followers that ask each other, too.
func (f *Follower) Look(ctx context.Context, token string) error {
	switch {
	case f.Follows(token):
		return errOnItsWay
	case !f.cfg.trusts(token):
		return nil // an upstream may have it, and it is not followed from there
	}
	looked := f.looks.DoChan(token, func() (any, error) {
		select {
		case f.looking <- struct{}{}:
			defer func() { <-f.looking }()
		default:
			return nil, errors.New("too many unknown contracts are asked for")
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookFor)
		defer cancel()
		return nil, f.lookUp(ctx, token)
	})
	select {
	case r := <-looked:
		return r.Err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", outcome.NoUpstream, context.Cause(ctx))
	}
}

// lookFor bounds one look, and so its goroutine.
const lookFor = 2 * time.Second

// lookUp asks every source whose contracts are all followed.
func (f *Follower) lookUp(ctx context.Context, token string) error {
	for i, src := range f.cfg.Sources {
		if src.Token != "" {
			continue
		}
		there, err := f.has(ctx, src, token)
		if err != nil {
			return err
		}
		if there {
			select {
			case f.asked[i] <- struct{}{}: // it is followed at once
			default:
			}
			return errOnItsWay
		}
	}
	return nil
}

// has asks the upstreams of a source for a contract, until one answers.
func (f *Follower) has(ctx context.Context, src Source, token string) (bool, error) {
	failed := []error{outcome.NoUpstream}
	for _, u := range src.Upstreams {
		_, err := f.web.length(ctx, u, token)
		var r *refusal
		switch {
		case err == nil:
			return true, nil
		case errors.As(err, &r) && r.status == http.StatusNotFound:
			return false, nil
		}
		failed = append(failed, fmt.Errorf("%s: %w", u, err))
	}
	return false, errors.Join(failed...)
}
