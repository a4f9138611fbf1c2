package groupcommit

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/internal/outcome"
)

// Translate turns what raft or a context answered about an entry that was
// handed to raft into an outcome. Whatever it does not know
// is of unknown outcome: that is the only safe guess.
func Translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader),
		errors.Is(err, raft.ErrEnqueueTimeout),
		errors.Is(err, raft.ErrLeadershipTransferInProgress),
		errors.Is(err, raft.ErrAbortedByRestore):
		// The entry was refused before it reached the log, or its effects
		// were taken out of the state again.
		return fmt.Errorf("%w: %w", outcome.NoLeader, err)
	default: // raft.ErrLeadershipLost and ErrRaftShutdown, a context's end, failed writes
		return fmt.Errorf("%w: %w", outcome.Unknown, err)
	}
}

// Await waits for a future, which by itself may never come.
func Await(ctx context.Context, f raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
