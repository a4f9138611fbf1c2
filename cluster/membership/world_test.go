package membership

import (
	"slices"
	"strings"
	"time"

	"github.com/bpsc/bpsc/internal/identity"
)

const (
	lag   = 100
	after = 5 * time.Second
)

var (
	one = strings.Repeat("1", 32) // instances
	two = strings.Repeat("2", 32)
)

// world is a state written down: an id for each member that votes and answers, with
// what is different behind it: "n4 non-voter caught-up", "n3 down". The first leads.
func world(members ...string) State {
	s := State{Configuration: Configuration{Index: 7}, Seen: map[identity.Identity]Seen{}, PromoteLag: lag, PromoteAfter: after}
	for _, text := range members {
		words := strings.Fields(text)
		id := identity.Identity(words[0])
		is := func(word string) bool { return slices.Contains(words, word) }
		m := Member{ID: id.ID(), Instance: id.Instance(), Addr: id.ID() + ":1", Voter: !is("non-voter") && !is("stays"), Stays: is("stays")}
		seen := Seen{Reachable: !is("down"), MayVote: !is("keyless"), Replacing: is("replacing")}
		switch {
		case is("caught-up"):
			seen.CaughtUp = after
		case is("fresh"):
			seen.CaughtUp = after - 1
		case is("lags"):
			seen.Lag = lag + 1
		}
		s.Members, s.Seen[id] = append(s.Members, m), seen
	}
	s.Leader = s.Members[0].Identity()
	return s
}

// meets is s with what answers at an address.
func (s State) meets(who string, where Standing) State {
	s.Joiner = &Joiner{Identity: identity.Identity(who), Cluster: where}
	return s
}

// perform does what an action says, the way raft would: on its own, with no look at
// what the plan says of it.
func perform(s State, a Action) State {
	s.Members = slices.Clone(s.Members)
	at := s.find(a.Member)
	switch a.Op {
	case Nothing:
	case AddMember:
		s.Members = append(s.Members, Member{ID: a.Member.ID(), Instance: a.Member.Instance(), Addr: a.Addr, Stays: a.Stays})
		s.Seen[a.Member] = Seen{Reachable: true, MayVote: true, CaughtUp: after}
	case Readdress:
		s.Members[at].Addr = a.Addr
		seen := s.Seen[a.Member]
		seen.Reachable = true
		s.Seen[a.Member] = seen
	case MakeVoter:
		s.Members[at].Voter, s.Members[at].Stays = true, false
	case MakeNonVoter:
		s.Members[at].Voter, s.Members[at].Stays = false, true
	case RemoveMember:
		s.Members = slices.Delete(s.Members, at, at+1)
	case TransferLeading:
		s.Leader = a.Member
	}
	return s
}

// votes counts voters, and those that answer.
func votes(s State) (voters []string, reachable int) {
	for _, m := range s.Members {
		if m.Voter {
			voters = append(voters, string(m.Identity()))
			if s.Seen[m.Identity()].Reachable {
				reachable++
			}
		}
	}
	return voters, reachable
}
