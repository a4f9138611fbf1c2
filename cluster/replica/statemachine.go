package replica

import (
	"context"
)

// StateMachine is what a member replicates. It is declared here, by its user,
// and uses builtin types only, so that its implementer need not import this
// package.
type StateMachine interface {
	// Apply applies one committed entry: it first moves the clock to micros
	// (unix microseconds by the leader's clock; the machine itself never lets
	// its time go back), then runs the requests in order. An entry may hold no
	// requests at all.
	//
	// It returns a function that gives the encoded result of request i, or nil
	// where that cannot be told any more. Only the side that proposed the entry
	// calls it, at most once per request, so encoding costs nothing elsewhere. It
	// is called from another goroutine and perhaps after later calls of Apply. The
	// requests alias the log entry's buffer: they may be kept, but must not be
	// modified.
	//
	// Apply is called from one goroutine, with strictly increasing indexes. An
	// error is fatal: the member stops.
	Apply(index uint64, micros int64, requests [][]byte) (result func(i int) []byte, err error)

	// Configure is Apply for an entry that changed who the members are. voters and
	// nonVoters are identities, as in package internal/identity, in the order of the
	// configuration. Time does not move.
	//
	// A machine is also told, before the first entry after a start or a restore, of
	// the configuration that is in force, whose index is not above AppliedIndex then:
	// one that knows it takes no notice.
	Configure(index uint64, voters, nonVoters []string) error

	// AppliedIndex is the log index of the last entry whose effects the machine
	// holds: in memory while it runs, on disk after a restart. Entries at or
	// below it are never applied again.
	AppliedIndex() uint64

	// Time is the machine's clock in unix microseconds. Like AppliedIndex and
	// NextDue it is called only where Apply is, or before the member starts.
	Time() int64

	// NextDue is the machine time at which something is due without any
	// request, such as a block by time or an expiry; ok is false when nothing is.
	NextDue() (micros int64, ok bool)

	// Snapshot writes everything applied at the time of the call, or later,
	// durably into the directory dir, which does not exist yet and which it
	// creates; its parent exists. It runs concurrently with Apply. The log is
	// cut behind a snapshot; a machine whose own disk is behind the newest one
	// after a restart gets a Restore. Only regular files count; empty
	// directories do not reach other members.
	Snapshot(ctx context.Context, dir string) error

	// Check reads all of the snapshot in dir, which stays as it is, and says what is
	// damaged, or that it does not end with one of the entries from first to last. It runs
	// concurrently with Apply.
	Check(ctx context.Context, dir string, first, last uint64) error

	// Restore replaces the machine's state by the snapshot in dir, once it has seen that
	// it can be opened. It is never called concurrently with Apply. The machine may
	// hard-link files from dir but must not modify them.
	Restore(dir string) error
}
