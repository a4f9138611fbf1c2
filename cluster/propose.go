package cluster

import (
	"context"
	"fmt"
	"slices"

	"github.com/bpsc/bpsc/cluster/groupcommit"
	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/internal/outcome"
)

// Result is the outcome of one request.
type Result = queue.Result

// Propose orders the requests, in the order given; others may come between them. It waits
// for their results, one for each. Any member takes requests; one that does not lead
// passes them on, and its own state may then still be behind the results (see WaitApplied).
//
// When ctx ends, requests that were not ordered yet are taken back
// (outcome.NotOrdered), the others have an unknown outcome. The requests must not be
// modified afterwards in either case.
func (m *Member) Propose(ctx context.Context, requests [][]byte) []Result {
	tooLarge := func(r []byte) bool { return len(r) > queue.MaxRequestBytes }
	if !slices.ContainsFunc(requests, tooLarge) {
		if len(requests) == 0 {
			return nil
		}
		return m.submit(ctx, requests)
	}
	results := queue.Failed(len(requests), outcome.TooLarge)
	var fitting [][]byte
	var at []int // where their results belong
	for i, r := range requests {
		if !tooLarge(r) {
			fitting, at = append(fitting, r), append(at, i)
		}
	}
	if len(fitting) > 0 {
		for i, r := range m.submit(ctx, fitting) {
			results[at[i]] = r
		}
	}
	return results
}

// Busy is why Propose would refuse a request of so many bytes now for the load that there
// is: for whoever has work before it.
func (m *Member) Busy(bytes int) error { return m.queue.Full(bytes) }

// Barrier returns once this member's state reflects everything that was
// acknowledged anywhere before the call: what is then read here is linearizable.
// It goes through the log, as part of the next entry, and so do all other
// barriers that came before that entry; none has to trust a clock or a lease.
func (m *Member) Barrier(ctx context.Context) error {
	r := m.submit(ctx, nil)[0]
	if r.Err != nil {
		return r.Err
	}
	return m.WaitApplied(ctx, r.Index)
}

// WaitApplied returns once this member's state machine has applied the entry
// with that index.
func (m *Member) WaitApplied(ctx context.Context, index uint64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(m.ctx, func() { cancel(outcome.ShuttingDown) })()
	if err := m.replica.WaitApplied(ctx, index); err != nil {
		return fmt.Errorf("waiting for entry %d: %w", index, context.Cause(ctx))
	}
	return nil
}

// submit puts one call through the queue. It returns in any case when ctx ends:
// raft may never answer.
func (m *Member) submit(ctx context.Context, requests [][]byte) []Result {
	c := queue.NewCall(requests, false, nil)
	if err := ctx.Err(); err != nil {
		return queue.Failed(len(c.Results()), fmt.Errorf("%w: %w", outcome.NotOrdered, err))
	}
	if err := m.queue.Push(c); err != nil {
		return queue.Failed(len(c.Results()), err)
	}
	select {
	case <-c.Finished:
		return c.Results()
	case <-ctx.Done():
		m.queue.Withdraw(c, fmt.Errorf("%w: %w", outcome.NotOrdered, ctx.Err()))
		return c.Abandon(groupcommit.Translate(ctx.Err()))
	case <-m.stopped:
		m.queue.Withdraw(c, outcome.ShuttingDown)
		return c.Abandon(fmt.Errorf("%w: %w", outcome.Unknown, outcome.ShuttingDown))
	}
}
