package transport

import (
	"errors"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/health"
)

// errNoRoom is what a leader gets for entries that a member does not take.
var errNoRoom = errors.New("this member has no room on its disk for more entries")

// turnedAway answers a message that would fill a disk that has no room, and tells
// whether it did. Heartbeats and votes go on: the member stays in the cluster, and
// the leader sends again what it did not take, every ten seconds at most.
//
// What follows a snapshot's announcement is its archive. It is not read, and does not
// begin as a message does, so that raft closes the connection: to read it all only to
// drop it would cost the leader the most at a bad time.
func turnedAway(rpc raft.RPC, room func() health.Room) bool {
	switch c := rpc.Command.(type) {
	case *raft.AppendEntriesRequest:
		if len(c.Entries) == 0 || !room().None {
			return false
		}
	case *raft.InstallSnapshotRequest:
		r := room()
		if r.Short == "" || r.Free > uint64(max(c.Size, 0))+health.Spare {
			return false
		}
	default:
		return false
	}
	rpc.Respond(nil, errNoRoom)
	return true
}
