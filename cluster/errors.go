package cluster

import (
	"errors"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/health"
)

// Reasons for which a member does not start or does not serve.
var (
	// ErrDamaged: what is on disk cannot be trusted.
	ErrDamaged = datadir.ErrDamaged
	// ErrMismatch: the data directory belongs to another member or cluster.
	ErrMismatch = datadir.ErrMismatch
	// ErrLocked: another process uses the data directory.
	ErrLocked = datadir.ErrLocked
	// ErrWentBack: the data directory, or a file of it, is an earlier state of
	// what it was when others last saw this member, or is a new one under an id
	// that has been in use. It must not take part: it has forgotten votes and
	// entries on which a majority may rest.
	ErrWentBack = datadir.ErrWentBack
	// ErrDiverged: members hold different histories as final. No member can tell
	// which of them counts.
	ErrDiverged = datadir.ErrDiverged
	// ErrRemoved: this instance of the member was removed from its cluster, and never
	// comes back. With an empty data folder the member can be added again.
	ErrRemoved = datadir.ErrRemoved
	// ErrKnownID: the data folder is empty, and the cluster knows a member of this id,
	// whose data it had. It has to be replaced.
	ErrKnownID = errors.New("the cluster knows a member of this id, and the data folder is empty")
	// ErrNotAMember: the data folder is empty, and the cluster has no member of this
	// id. It has to be added.
	ErrNotAMember = errors.New("the cluster has no member of this id")
	// ErrPlain: members would talk over a network for anybody to read and to join in.
	ErrPlain = errors.New("without certificates members talk on loopback addresses only")
	// ErrDiskHangs: a write to disk took longer than Config.DiskStall.
	ErrDiskHangs = health.ErrDiskHangs
	// ErrNotReady: the member is not, or not yet, able to serve.
	ErrNotReady = errors.New("member is not ready")
)

// signal leaves a token in a channel of capacity one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
