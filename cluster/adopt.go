package cluster

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/snapshot"
	"github.com/bpsc/bpsc/internal/durable"
)

// ErrBeyond: a state is newer than all that a member's log has, so that the log does not say
// who the members were by then.
var ErrBeyond = errors.New("the state is of an entry that the log has not come to")

// Cluster tells whose cluster the directory is of from others.
func (in *Examined) Cluster() string { return in.store.dir.Identity().Cluster }

// Adopt makes a snapshot of what a machine has written into state, which is moved: all
// entries up to index are in it, and no other. It is as good as one that the member took or
// was sent by a leader. The log goes on from it, and what the member has promised by log and
// vote stands. The caller knows that the state is one of this cluster, and that the entry is
// committed: a machine has applied it.
func (in *Examined) Adopt(state string, index uint64) error {
	s := in.store
	if err := in.Fits(index); err != nil {
		return err
	}
	term, err := in.termOf(index)
	if err != nil {
		return err
	}
	members, _ := s.members.At(index)
	created, err := s.snapshots.Create(raft.SnapshotVersionMax, index, term, raft.Configuration{Servers: members.Servers}, members.Index, nil)
	if err != nil {
		return err
	}
	sink := created.(*snapshot.Sink)
	sink.SetReach(index)
	if err := durable.Rename(state, sink.Dir()); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// Fits tells whether the log goes on from a state of that entry, and knows who the members
// were then: whether Adopt would take one.
func (in *Examined) Fits(index uint64) error {
	if _, err := in.termOf(index); err != nil {
		return err
	}
	if _, known := in.store.members.At(index); !known {
		return fmt.Errorf("cluster: who the members were at entry %d is not known", index)
	}
	return in.Reaches(index)
}

// termOf is the term of an entry that the log or a snapshot ends with or has.
func (in *Examined) termOf(index uint64) (uint64, error) {
	metas, err := in.store.snapshots.List()
	if err != nil {
		return 0, err
	}
	for _, m := range metas {
		if m.Index == index {
			return m.Term, nil
		}
	}
	var l raft.Log
	err = in.store.logs.GetLog(index, &l)
	if errors.Is(err, raft.ErrLogNotFound) {
		return 0, fmt.Errorf("%w: it is of entry %d, and the log ends with %d", ErrBeyond, index, in.Last)
	}
	return l.Term, err
}
