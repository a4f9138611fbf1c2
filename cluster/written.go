package cluster

import (
	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/raftlog"
)

// written is raft as others may know it: what this member says that it has, it must have
// after a crash too, or it is taken for one that went back in time.
type written struct {
	*raft.Raft
	log *raftlog.Ahead
}

// CommitIndex is the last entry that is committed and on this member's disk.
func (w written) CommitIndex() uint64 { return w.log.Written(w.Raft.CommitIndex()) }

// LastIndex is the last entry that is on this member's disk.
func (w written) LastIndex() uint64 { return w.log.Written(w.Raft.LastIndex()) }
