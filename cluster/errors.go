package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// Outcomes of a request that got no result. They fall in two classes, and a
// caller must never confuse them: only ErrOutcomeUnknown leaves open whether the
// request took effect. All others mean that it did not and never will.
var (
	// ErrNoLeader: there was no leader to order the request. Retry as new.
	ErrNoLeader = errors.New("no leader")
	// ErrQueueFull: the intake queue is at its bound. Retry later, as new.
	ErrQueueFull = errors.New("intake queue is full")
	// ErrShuttingDown: this member takes no more requests. Retry elsewhere.
	ErrShuttingDown = errors.New("member is shutting down")
	// ErrNotOrdered: the caller's context ended while the request still waited
	// in the intake queue. Retry as new.
	ErrNotOrdered = errors.New("gave up before the request was ordered")
	// ErrTooLarge: the request does not fit in a log entry. Do not retry.
	ErrTooLarge = errors.New("request is larger than a log entry may be")

	// ErrOutcomeUnknown: the request may or may not take effect. Only the same
	// request with the same id may be sent again.
	ErrOutcomeUnknown = errors.New("outcome unknown")
)

// Reasons for which a member does not start or does not serve.
var (
	// ErrDamaged: what is on disk cannot be trusted.
	ErrDamaged = errors.New("data directory is damaged")
	// ErrMismatch: the data directory belongs to another member or cluster.
	ErrMismatch = errors.New("data directory belongs to another member or cluster")
	// ErrLocked: another process uses the data directory.
	ErrLocked = errors.New("data directory is in use by another process")
	// ErrWentBack: the data directory, or a file of it, is an earlier state of
	// what it was when others last saw this member, or is a new one under an id
	// that has been in use. It must not take part: it has forgotten votes and
	// entries on which a majority may rest.
	ErrWentBack = errors.New("the data of this member went back in time")
	// ErrDiverged: members hold different histories as final. No member can tell
	// which of them counts.
	ErrDiverged = errors.New("members hold different histories")
	// ErrNotReady: the member is not, or not yet, able to serve.
	ErrNotReady = errors.New("member is not ready")
)

// translate turns what raft or a context answered about an entry that was
// handed to raft into one of this package's outcomes. Whatever it does not know
// is of unknown outcome: that is the only safe guess.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader),
		errors.Is(err, raft.ErrEnqueueTimeout),
		errors.Is(err, raft.ErrLeadershipTransferInProgress),
		errors.Is(err, raft.ErrAbortedByRestore):
		// The entry was refused before it reached the log, or its effects
		// were taken out of the state again.
		return fmt.Errorf("%w: %w", ErrNoLeader, err)
	case errors.Is(err, raft.ErrLeadershipLost),
		errors.Is(err, raft.ErrRaftShutdown),
		errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	default:
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
}
