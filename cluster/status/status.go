// Package status is how the members are, each by its own word. The Gatherer asks the others
// again and again, and everything here that wants to know of them reads what it has heard:
// readiness, the successor of a leader that is gone, changes of the members, and people.
package status

import (
	"time"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/internal/release"
)

// Roles of a member. Besides there is raft's "follower", which is here a member that follows.
const (
	RoleLeader      = "leader"
	RoleUnreachable = "unreachable"
	RoleCandidate   = "candidate"
)

// Cluster is how the cluster looks from one member.
type Cluster struct {
	Leader  string // id; empty when none is known
	Term    uint64
	Members []Member // in the order of the configuration
}

// Member is how one member described itself, or that it did not answer.
type Member struct {
	membership.Member
	Replacing   bool   // a replacement of it is looked for
	Waits       string // what it waits for that is to become a voter, as the leader says; empty for nothing
	Role        string // see RoleLeader
	Term        uint64
	Applied     uint64        // last entry in the state machine
	Commit      uint64        // last entry known to be committed
	Last        uint64        // last entry in the log
	Lag         uint64        // the leader's Last minus Applied; zero when no leader answered
	Unfit       []string      `json:",omitempty"` // why it must not lead, if so
	NotReady    string        // why it cannot serve; empty: it can
	NotSigning  string        // why it signs nothing, as Config.Condition says; empty: it does
	NoRoom      string        `json:",omitempty"` // why it takes no writes from clients for want of room; empty: it has room
	DiskFree    uint64        `json:",omitempty"` // bytes, where the least is to spare
	DiskReserve uint64        `json:",omitempty"` // bytes that should stay free there
	ClockOffset time.Duration // its clock minus the majority's time, as it sees it; zero when it does not know that
	Release     release.Standing
	LastContact time.Duration // since it last heard the leader: zero for the leader itself, negative for never

	// What members of releases before do not say: zero then.
	Began         time.Time     // when it started
	SnapshotIndex uint64        // last entry that its newest snapshot covers; 0: it has none
	SnapshotTaken time.Time     // when it began to take that
	LogWriteP99   time.Duration // of the last seconds, to have entries in its log on disk; 0: it wrote none
	Certificates  []Certificate `json:",omitempty"` // that it shows
}

// Certificate is one that a member shows.
type Certificate struct {
	Use      string // whom to, as its owner calls them
	NotAfter time.Time
}

// Summarize finds the leader and what the others lag behind it. A leader that
// was cut off may still believe in itself; the one with the highest term counts,
// and none that is about to give up leading.
func Summarize(members []Member) Cluster {
	s := Cluster{Members: members}
	var last uint64
	for _, m := range members {
		if m.Role == RoleLeader && len(m.Unfit) == 0 && m.Term >= s.Term {
			s.Leader, s.Term, last = m.ID, m.Term, m.Last
		}
	}
	for i := range members {
		m := &members[i]
		s.Term = max(s.Term, m.Term)
		if m.Role != RoleUnreachable && last > m.Applied {
			m.Lag = last - m.Applied
		}
	}
	return s
}
