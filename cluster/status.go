package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Roles of a member in a Status.
const (
	RoleLeader      = "leader"
	RoleFollower    = "follower"
	RoleCandidate   = "candidate"
	RoleUnreachable = "unreachable"
)

// Status is how the cluster looks from one member.
type Status struct {
	Leader  string // id; empty when none is known
	Term    uint64
	Members []MemberStatus // in the order of Config.Peers
}

// MemberStatus is how one member described itself, or that it did not answer.
type MemberStatus struct {
	ID, Addr    string
	Role        string // one of the Role constants
	Term        uint64
	Applied     uint64        // last entry in the state machine
	Commit      uint64        // last entry known to be committed
	Last        uint64        // last entry in the log
	Lag         uint64        // the leader's Last minus Applied; zero when no leader answered
	Unfit       []string      `json:",omitempty"` // why it must not lead, if so
	LastContact time.Duration // since it last heard the leader: zero for the leader itself, negative for never
}

// Status asks every member how it is, for a short time at most.
func (m *Member) Status(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	members := make([]MemberStatus, len(m.cfg.Peers))
	var asked sync.WaitGroup
	for i, p := range m.cfg.Peers {
		asked.Go(func() {
			if p.ID == m.cfg.ID {
				members[i] = m.status()
				return
			}
			s, err := m.ask(ctx, p.ID)
			if err != nil {
				s = MemberStatus{Role: RoleUnreachable}
			}
			s.ID, s.Addr = p.ID, p.Addr // whatever it said
			members[i] = s
		})
	}
	asked.Wait()
	return summarize(members)
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

// ask gets the status of one peer over a connection of its own.
func (m *Member) ask(ctx context.Context, id string) (MemberStatus, error) {
	var s MemberStatus
	conn, err := m.connect(ctx, id)
	if err != nil {
		return s, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetReadDeadline(deadline); err != nil {
			return s, err
		}
	}
	if err := writeFrame(conn, frame{kind: frameStatus}); err != nil {
		return s, err
	}
	f, err := readFrame(bufio.NewReader(conn), maxFrameBytes)
	if err != nil {
		return s, err
	}
	if f.kind != frameStatusAnswer {
		return s, errFrame
	}
	if err := json.Unmarshal(f.body, &s); err != nil {
		return s, fmt.Errorf("%w: %w", errFrame, err)
	}
	return s, nil
}

// status is how this member describes itself.
func (m *Member) status() MemberStatus {
	return MemberStatus{
		ID:          m.cfg.ID,
		Addr:        m.cfg.addr(),
		Role:        role(m.raft.State()),
		Term:        m.raft.CurrentTerm(),
		Applied:     m.replica.applied.get(),
		Commit:      m.raft.CommitIndex(),
		Last:        m.raft.LastIndex(),
		Unfit:       m.fitness.why(),
		LastContact: m.LastContact(),
	}
}

func role(s raft.RaftState) string {
	switch s {
	case raft.Leader:
		return RoleLeader
	case raft.Follower:
		return RoleFollower
	case raft.Candidate:
		return RoleCandidate
	default:
		return RoleUnreachable
	}
}
