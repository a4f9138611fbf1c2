package cluster

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/status"
	"github.com/bpsc/bpsc/cluster/transport"
	"github.com/bpsc/bpsc/cluster/vacancy"
)

// succession notices that nobody leads, and has this member stand for election when it is
// its turn (package vacancy). Time-outs of raft's own remain for what it does not notice.
//
// A member takes the leader's place for vacant when its process is dead: a connection to
// it was lost, nobody listens at its address any more, and none of the connections stands
// that the leader had opened. Or when it has not heard it for a heartbeat time-out. That
// alone does nothing, for another member may hear the leader well; it stands when a
// majority of the voters says the same, who so have no leader that an election could put
// down. Votes are given as ever, to a log that is as long as the voter's.
//
// run is its goroutine, which owns the fields below the line.
type succession struct {
	m       *Member
	changed chan struct{} // token: look
	// silent is when the leader was heard last, where that is a heartbeat time-out ago; what
	// raft has heard since counts at once.
	silent atomic.Pointer[time.Time]

	// ---
	watch   vacancy.Watch
	silence *vacancy.Silence
	before  situation
	since   time.Time // of that
}

// situation is what another member's word is about: one from before says nothing.
type situation struct {
	vacant bool
	leader string
	term   uint64
}

func newSuccession(m *Member) *succession {
	return &succession{m: m, changed: m.observe(), silence: vacancy.NewSilence(2 * m.cfg.HeartbeatTimeout / silenceLooks)}
}

// alarm has it look at once.
func (s *succession) alarm() { signal(s.changed) }

// vacant tells whether this member knows of no leader that it hears.
func (s *succession) vacant() bool {
	if s.m.raft.State() == raft.Leader {
		return false
	}
	_, leader := s.m.raft.LeaderWithID()
	return leader == "" || s.isSilent() || s.isDead(string(leader))
}

// isDead tells whether the process of a member has ended.
func (s *succession) isDead(id string) bool {
	return s.m.gatherer.IsGone(id) && !s.m.port.Hears(id)
}

// run looks until ctx ends: when something has changed, at the pace of the vacancy while
// there is one, and often enough to notice a silence.
func (s *succession) run(ctx context.Context) {
	for {
		now := time.Now()
		s.listen(now)
		s.look(ctx, now)
		wait, pace := s.m.cfg.HeartbeatTimeout/silenceLooks, s.watch.Pace(now)
		s.m.gatherer.Pace(min(cmp.Or(pace, status.Period), status.Period))
		if pace > 0 {
			wait = min(wait, pace)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		case <-time.After(wait):
		}
	}
}

// listen notes whether the leader is silent.
func (s *succession) listen(now time.Time) {
	heard := s.m.raft.LastContact()
	if s.m.raft.State() == raft.Leader {
		heard = now
	}
	lasting := s.silence.Look(now, heard)
	if lasting > s.m.cfg.HeartbeatTimeout {
		s.silent.Store(&heard)
	} else {
		s.silent.Store(nil)
	}
}

// isSilent tells whether the leader was not heard for a heartbeat time-out, nor just now.
func (s *succession) isSilent() bool {
	heard := s.silent.Load()
	return heard != nil && heard.Equal(s.m.raft.LastContact())
}

// look stands for election if it is this member's turn.
func (s *succession) look(ctx context.Context, now time.Time) {
	v := s.view(now)
	if !s.watch.Look(now, v) {
		return
	}
	if s.m.transport.Stand(ctx, func() transport.Standing { return s.stands(v) }) {
		s.m.log.Info("stands for election: a majority of the voters hears no leader", "leader", v.Leader, "term", v.Self.Term+1)
	}
}

// stands is how this member stands at the last moment: it may have heard the leader since it
// looked.
func (s *succession) stands(v vacancy.View) transport.Standing {
	term := s.m.raft.CurrentTerm()
	return transport.Standing{
		Right:     term == v.Self.Term && s.vacant() && s.m.fitness.Fit(),
		Candidate: s.m.raft.State() == raft.Candidate, Self: s.m.name, Term: term,
		Follows: func() bool { return s.m.raft.State() == raft.Follower },
	}
}

// view is how it looks from here.
func (s *succession) view(now time.Time) vacancy.View {
	vacant := s.vacant() // before its log is looked at
	_, leader := s.m.raft.LeaderWithID()
	v := vacancy.View{
		Self: vacancy.Voter{
			ID: s.m.name, Vacant: vacant, Stands: s.m.raft.State() == raft.Candidate,
			Term: s.m.raft.CurrentTerm(), Last: s.m.raft.LastIndex(),
		},
		Leader: string(leader),
	}
	if now := (situation{vacant, v.Leader, v.Self.Term}); now != s.before {
		s.before, s.since = now, time.Now()
	}
	if !vacant {
		return v
	}
	for _, id := range s.m.roster.Latest().Voters() {
		if id == s.m.name {
			v.May = s.m.fitness.Fit()
			continue
		}
		said, heard := s.m.gatherer.Fresh(id, now, s.since)
		v.Others = append(v.Others, vacancy.Voter{ID: id, Heard: heard, Vacant: said.Vacant, Stands: said.Role == status.RoleCandidate, Term: said.Term, Last: said.Last})
	}
	return v
}
