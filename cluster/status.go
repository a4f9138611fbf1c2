package cluster

import (
	"cmp"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/internal/release"
)

// Roles of a member in a Status. The others are raft's "follower", which is here a
// member that follows, and "candidate".
const (
	RoleLeader      = "leader"
	RoleUnreachable = "unreachable"
	roleCandidate   = "candidate"
)

// Status is how the cluster looks from one member.
type Status struct {
	Leader  string // id; empty when none is known
	Term    uint64
	Members []MemberStatus // in the order of the configuration
}

// MemberStatus is how one member described itself, or that it did not answer.
type MemberStatus struct {
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

// Status is how every member said it is when it was last asked, which for the
// others was statusPeriod ago at most, or that it does not answer.
func (m *Member) Status() Status {
	configured, own := m.roster.Latest().Members, m.changer.waits()
	leader, _ := m.leader()
	members := make([]MemberStatus, len(configured))
	for i, p := range configured {
		if name := string(p.Identity()); name == m.name {
			members[i] = m.status()
		} else {
			members[i] = m.gatherer.status(name)
		}
		members[i].Member = p // whatever it said
		members[i].Replacing = m.changer.isReplacing(p.ID)
		name := string(p.Identity())
		if members[i].Waits = own[name]; leader != m.name {
			members[i].Waits = m.gatherer.waits(leader, name)
		}
	}
	s := summarize(members)
	if leader == m.name {
		m.sharpen(s.Members)
	}
	return s
}

// sharpen sets, on the leader, what the others lag to what each did when it answered: half
// a second later the leader's log is longer, and nobody lags for that.
func (m *Member) sharpen(members []MemberStatus) {
	for i := range members {
		if there, lag := m.gatherer.lag(string(members[i].Identity())); there {
			members[i].Lag = lag
		}
	}
}

// Self is how this member is, without asking another.
func (m *Member) Self() MemberStatus { return m.status() }

// summarize finds the leader and what the others lag behind it. A leader that
// was cut off may still believe in itself; the one with the highest term counts,
// and none that is about to give up leading.
func summarize(members []MemberStatus) Status {
	s := Status{Members: members}
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

// status is how this member describes itself.
func (m *Member) status() MemberStatus {
	ready, signing := m.Ready(), error(nil)
	if m.cfg.Condition != nil {
		var more error
		more, signing = m.cfg.Condition()
		ready = cmp.Or(ready, more)
	}
	room := m.room()
	own, _ := m.roster.Latest().Member(m.name)
	newest, _ := m.store.snapshots.Newest()
	writing, _ := m.writes.P99(time.Now())
	return MemberStatus{
		Member:      own,
		NoRoom:      room.Short,
		DiskFree:    room.Free,
		DiskReserve: room.Reserve,
		Role:        role(m.raft.State()),
		Term:        m.raft.CurrentTerm(),
		Applied:     m.replica.Applied(),
		Commit:      written{m.raft, m.store.ahead}.CommitIndex(),
		Last:        m.raft.LastIndex(),
		Unfit:       m.fitness.Why(),
		ClockOffset: m.clocks.Ahead(time.Now()),
		LastContact: m.LastContact(),
		Release:     m.about(),
		NotReady:    reason(ready),
		NotSigning:  reason(signing),

		Began: m.began, SnapshotIndex: newest.Index, SnapshotTaken: newest.Taken(),
		LogWriteP99: writing, Certificates: m.certificates(),
	}
}

// about is what this member says about its release.
func (m *Member) about() release.Standing {
	if m.cfg.Release == nil {
		return release.Standing{}
	}
	return m.cfg.Release()
}

// certificates are those that this member shows.
func (m *Member) certificates() []Certificate {
	if m.cfg.Certificates == nil {
		return nil
	}
	return m.cfg.Certificates()
}

// reason is an error as it travels.
func reason(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	return strings.ToValidUTF8(text[:min(len(text), maxReasonBytes)], "")
}

// answerStatus is what this member answers another.
func (m *Member) answerStatus() any {
	vacant := m.succession.vacant() // before it says how far its log goes, which then is final
	s := statusAnswer{MemberStatus: m.status(), Vacant: vacant, Searching: m.changer.searches(), Waits: m.changer.waits()}
	latest := m.roster.Latest()
	for _, member := range latest.Members {
		if member.Instance != "" {
			s.Joined, s.Configured = append(s.Joined, string(member.Identity())), latest.Index
		}
	}
	s.Clock = m.clocks.Wall(time.Now()) // last, so that it is close to the answer
	return s
}

func role(s raft.RaftState) string {
	if s == raft.Shutdown {
		return RoleUnreachable
	}
	return strings.ToLower(s.String())
}
