package membership

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/internal/identity"
)

var kinds = []string{"", "down", "non-voter caught-up", "non-voter lags", "non-voter down", "stays", "stays down", "replacing"}

// drawState draws a configuration whose leader is a voter that answers.
func drawState(t *rapid.T) State {
	n := rapid.IntRange(1, MaxMembers).Draw(t, "members")
	members := []string{"n1"}
	for i := 2; i <= n; i++ {
		members = append(members, fmt.Sprintf("n%d %s", i, rapid.SampledFrom(kinds).Draw(t, "kind")))
	}
	if rapid.Bool().Draw(t, "replaced") {
		i := rapid.IntRange(1, n).Draw(t, "which")
		members = append(members, fmt.Sprintf("n%d~%s %s", i, one, rapid.SampledFrom(kinds).Draw(t, "the new")))
	}
	s := world(members...)
	for who, seen := range s.Seen {
		seen.Lag = rapid.Uint64Range(0, 2*lag).Draw(t, "lag of "+string(who))
		s.Seen[who] = seen
	}
	return s
}

// changes calls try with every change that could be asked of a state, and with what
// could answer then.
func changes(s State, try func(State, Change)) {
	for _, kind := range []Kind{Add, Promote, Demote, Remove, Replace, TransferLeader} {
		for i := range MaxMembers + 2 {
			c := Change{Kind: kind}
			if i > 0 { // 0: leadership may go to anybody
				c.ID = fmt.Sprintf("n%d", i)
			}
			if kind == Add {
				c.Addr = "new:1"
			}
			for _, joiner := range []*Joiner{
				nil, {Identity: identity.Identity(c.ID), Cluster: Ours}, {Identity: identity.New(c.ID, two)}, {Identity: identity.New(c.ID, two), Cluster: Elsewhere},
			} {
				s.Joiner = joiner
				try(s, c)
				c.TwoVoters, c.NonVoter = true, kind == Add
				try(s, c)
			}
		}
	}
}

// checkSteps performs steps and requires of each what keeps the cluster alive.
func checkSteps(t require.TestingT, s State, steps []Step) State {
	s.Seen = maps.Clone(s.Seen)
	before, _ := votes(s)
	for _, step := range steps {
		s = perform(s, step.Action)
		voters, reachable := votes(s)
		require.Equal(t, voters, step.Voters, step.What)
		require.Equal(t, reachable, step.Reachable, step.What)
		require.Equal(t, len(voters)/2+1, step.Quorum, step.What)
		require.GreaterOrEqual(t, reachable, step.Quorum, step.What)
		require.Equal(t, reachable-step.Quorum, step.CanLose, step.What)
		require.LessOrEqual(t, different(before, voters), 1, step.What)
		leader := s.find(s.Leader)
		require.GreaterOrEqual(t, leader, 0, "the leader was removed: %s", step.What)
		require.True(t, s.Members[leader].Voter, "the leader lost its vote: %s", step.What)
		require.True(t, s.Seen[s.Leader].Reachable, "nobody answers who leads: %s", step.What)
		before = voters
	}
	return s
}

// different counts who is in one of two lists alone.
func different(a, b []string) (n int) {
	for _, v := range slices.Concat(a, b) {
		if slices.Contains(a, v) != slices.Contains(b, v) {
			n++
		}
	}
	return n
}

// No plan that is accepted has a step with fewer voters in reach than make a
// majority, takes the last one, or changes two at once; and a plan changes nothing.
func TestNoStepOfAPlanLosesTheMajority(t *testing.T) {
	accepted := map[Kind]int{}
	rapid.Check(t, func(t *rapid.T) {
		drawn := drawState(t)
		members, seen := slices.Clone(drawn.Members), maps.Clone(drawn.Seen)
		changes(drawn, func(s State, c Change) {
			steps, err := Plan(s, c)
			require.Equal(t, members, s.Members)
			require.Equal(t, seen, s.Seen)
			if err != nil {
				require.Nil(t, steps)
				return
			}
			accepted[c.Kind]++
			end := checkSteps(t, s, steps)
			voters, _ := votes(end)
			started, _ := votes(s)
			require.True(t, len(voters) != 2 || len(started) == 2 || c.TwoVoters, "two voters for which nobody asked")
			if c.Kind == Remove {
				require.Empty(t, end.named(c.ID))
			}
			if c.Kind == Replace {
				require.Len(t, end.named(c.ID), 1)
			}
		})
	})
	for _, kind := range []Kind{Add, Promote, Demote, Remove, Replace, TransferLeader} {
		require.NotZero(t, accepted[kind], "no %s was ever accepted: the test tests nothing", kind)
	}
}

// A leader that does what Next says, step by step, never loses the majority either,
// and comes to an end.
func TestNothingThatALeaderDoesByItselfLosesTheMajority(t *testing.T) {
	did := map[Op]int{}
	rapid.Check(t, func(t *rapid.T) {
		drawn := drawState(t)
		for i := range drawn.Members { // of which each may be replaced besides
			for _, kind := range kinds {
				s := drawn
				next := world(fmt.Sprintf("%s~%s %s", drawn.Members[i].ID, two, kind))
				s.Members, s.Seen = slices.Concat(s.Members, next.Members), maps.Clone(s.Seen)
				maps.Copy(s.Seen, next.Seen)
				for steps := 0; ; steps++ {
					require.Less(t, steps, 4*MaxMembers, "it never ends")
					step, found := Next(s)
					if !found {
						break
					}
					did[step.Action.Op]++
					s = checkSteps(t, s, []Step{step})
				}
			}
		}
	})
	for _, op := range []Op{MakeVoter, RemoveMember, TransferLeading} {
		require.NotZero(t, did[op])
	}
}
