package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bpsc/bpsc/client"
)

var errStalled = errors.New("nothing came for too long")

// stall ends work that makes no progress: a whole chain may take as long as it
// takes, a pause in it may not.
type stall struct {
	timer *time.Timer
	limit time.Duration
	ctx   context.Context
}

// whileMoving returns a context that ends when moved has not been called for
// that long.
func whileMoving(parent context.Context, limit time.Duration) (context.Context, *stall, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	s := &stall{timer: time.AfterFunc(limit, func() { cancel(errStalled) }), limit: limit, ctx: ctx}
	return ctx, s, func() {
		s.timer.Stop()
		cancel(nil)
	}
}

func (s *stall) moved() { s.timer.Reset(s.limit) }

// explain tells a stall from other ends of the work.
func (s *stall) explain(err error) error {
	if err != nil && errors.Is(context.Cause(s.ctx), errStalled) {
		return fmt.Errorf("%w: nothing came for %s", client.ErrUnavailable, s.limit)
	}
	return err
}
