package cluster

import (
	"cmp"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/events"
	"github.com/bpsc/bpsc/cluster/status"
	"github.com/bpsc/bpsc/internal/release"
)

// Status is how every member said it is when it was last asked, which for the
// others was status.Period ago at most, or that it does not answer.
func (m *Member) Status() status.Cluster {
	configured, own := m.roster.Latest().Members, m.changer.Waits()
	leader, _ := m.leader()
	members := make([]status.Member, len(configured))
	for i, p := range configured {
		if name := string(p.Identity()); name == m.name {
			members[i] = m.status()
		} else {
			members[i] = m.gatherer.Member(name)
		}
		members[i].Member = p // whatever it said
		members[i].Replacing = m.changer.IsReplacing(p.ID)
		name := string(p.Identity())
		if members[i].Waits = own[name]; leader != m.name {
			members[i].Waits = m.gatherer.Waits(leader, name)
		}
	}
	s := status.Summarize(members)
	if leader == m.name {
		m.sharpen(s.Members)
	}
	return s
}

// sharpen sets, on the leader, what the others lag to what each did when it answered: half
// a second later the leader's log is longer, and nobody lags for that.
func (m *Member) sharpen(members []status.Member) {
	for i := range members {
		if there, lag := m.gatherer.Lag(string(members[i].Identity())); there {
			members[i].Lag = lag
		}
	}
}

// Self is how this member is, without asking another.
func (m *Member) Self() status.Member { return m.status() }

// status is how this member describes itself.
func (m *Member) status() status.Member {
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
	return status.Member{
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
func (m *Member) certificates() []status.Certificate {
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
	s := status.Answer{Member: m.status(), Vacant: vacant, Searching: m.changer.Searches(), Waits: m.changer.Waits()}
	latest := m.roster.Latest()
	for _, member := range latest.Members {
		if member.Instance != "" {
			s.Joined, s.Configured = append(s.Joined, string(member.Identity())), latest.Index
		}
	}
	s.Clock = m.clocks.Wall(time.Now()) // last, so that it is close to the answer
	return s
}

// role is one of raft's, as a member tells it.
func role(s raft.RaftState) string {
	if s == raft.Shutdown {
		return status.RoleUnreachable
	}
	return strings.ToLower(s.String())
}

// Events is at most limit of the events that this member remembers, the oldest first,
// behind that of a number, and whether there are more. It remembers the last 512 since
// it started.
func (m *Member) Events(after uint64, limit int) (page []events.Event, more bool) {
	return m.events.Page(after, limit)
}

// Note adds what the member's owner has learned.
func (m *Member) Note(kind events.Kind, member, text string) {
	m.events.Note(kind, member, text)
}
