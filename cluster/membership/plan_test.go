package membership

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/outcome"
)

// says is a plan as text: what, voters, reachable of them, majority, may be lost.
func says(steps []Step) (lines []string) {
	for _, s := range steps {
		lines = append(lines, fmt.Sprintf("%s %v %d %d %d", s.What, s.Voters, s.Reachable, s.Quorum, s.CanLose))
	}
	return lines
}

func TestPlans(t *testing.T) {
	three := []string{"n1", "n2", "n3"}
	for name, tc := range map[string]struct {
		state  State
		change Change
		want   []string
	}{
		"a fourth joins": {
			world(three...).meets("n4~"+one, Nowhere), Change{Kind: Add, ID: "n4", Addr: "h:4"}, []string{
				"now [n1 n2 n3] 3 2 1",
				"n4 at h:4 joins as a non-voter [n1 n2 n3] 3 2 1",
				"n4 has caught up and is a voter [n1 n2 n3 n4~" + one + "] 4 3 1",
			},
		},
		"an add that was cut off goes on": {
			world(three...).meets("n4~"+one, Ours), Change{Kind: Add, ID: "n4", Addr: "h:4", NonVoter: true}, []string{
				"now [n1 n2 n3] 3 2 1",
				"n4 at h:4 joins as a non-voter, and stays one [n1 n2 n3] 3 2 1",
			},
		},
		"a member has moved": {
			world("n1", "n2", "n3 down").meets("n3", Ours), Change{Kind: Add, ID: "n3", Addr: "new:3"}, []string{
				"now [n1 n2 n3] 2 2 0",
				"n3 is reached at new:3 from now on [n1 n2 n3] 3 2 1",
			},
		},
		"one grows to two when told so": {
			world("n1").meets("n2~"+one, Nowhere), Change{Kind: Add, ID: "n2", Addr: "h:2", TwoVoters: true}, []string{
				"now [n1] 1 1 0",
				"n2 at h:2 joins as a non-voter [n1] 1 1 0",
				"n2 has caught up and is a voter [n1 n2~" + one + "] 2 2 0",
			},
		},
		"a dead member is replaced": {
			world("n1", "n2", "n3 down").meets("n3~"+one, Nowhere), Change{Kind: Replace, ID: "n3"}, []string{
				"now [n1 n2 n3] 2 2 0",
				"n3 at n3:1 joins as a non-voter [n1 n2 n3] 2 2 0",
				"n3 has caught up and is a voter [n1 n2 n3 n3~" + one + "] 3 3 0",
				"the old n3 is removed, and never comes back [n1 n2 n3~" + one + "] 3 2 1",
			},
		},
		"a leader is to be replaced, and nobody has started the new one": {
			world(three...), Change{Kind: Replace, ID: "n1", Addr: "h:9"}, []string{
				"now [n1 n2 n3] 3 2 1",
				"n1 at h:9 joins as a non-voter [n1 n2 n3] 3 2 1",
				"n1 has caught up and is a voter [n1 n2 n3 n1~new] 4 3 1",
				"n2 leads [n1 n2 n3 n1~new] 4 3 1",
				"the old n1 is removed, and never comes back [n2 n3 n1~new] 3 2 1",
			},
		},
		"a non-voter for good is replaced by one": {
			world("n1", "n2", "n3", "n4 stays down").meets("n4~"+one, Nowhere), Change{Kind: Replace, ID: "n4"}, []string{
				"now [n1 n2 n3] 3 2 1",
				"n4 at n4:1 joins as a non-voter, and stays one [n1 n2 n3] 3 2 1",
				"the old n4 is removed, and never comes back [n1 n2 n3] 3 2 1",
			},
		},
		"the replacement of one of two": {
			world("n1", "n2").meets("n2~"+one, Nowhere), Change{Kind: Replace, ID: "n2", Addr: "h:2"}, []string{
				"now [n1 n2] 2 2 0",
				"n2 at h:2 joins as a non-voter [n1 n2] 2 2 0",
				"n2 has caught up and is a voter [n1 n2 n2~" + one + "] 3 2 1",
				"the old n2 is removed, and never comes back [n1 n2~" + one + "] 2 2 0",
			},
		},
		"a non-voter for good is promoted": {
			world("n1", "n2", "n3", "n4 stays"), Change{Kind: Promote, ID: "n4"}, []string{
				"now [n1 n2 n3] 3 2 1",
				"n4 is a voter [n1 n2 n3 n4] 4 3 1",
			},
		},
		"the leader is demoted": {
			world("n1", "n2 lags", "n3", "n4"), Change{Kind: Demote, ID: "n1"}, []string{
				"now [n1 n2 n3 n4] 4 3 1",
				"n3 leads [n1 n2 n3 n4] 4 3 1",
				"n1 is a non-voter from now on, and stays one [n2 n3 n4] 3 2 1",
			},
		},
		"a promotion is called off": {
			world("n1", "n2", "n3", "n4 non-voter"), Change{Kind: Demote, ID: "n4"}, []string{
				"now [n1 n2 n3] 3 2 1",
				"n4 is a non-voter from now on, and stays one [n1 n2 n3] 3 2 1",
			},
		},
		"a member that is down is removed": {
			world("n1", "n2", "n3", "n4 down"), Change{Kind: Remove, ID: "n4"}, []string{
				"now [n1 n2 n3 n4] 3 3 0",
				"n4 is removed, and never comes back [n1 n2 n3] 3 2 1",
			},
		},
		"the leader is removed": {
			world("n1", "n2", "n3"), Change{Kind: Remove, ID: "n1", TwoVoters: true}, []string{
				"now [n1 n2 n3] 3 2 1",
				"n2 leads [n1 n2 n3] 3 2 1",
				"n1 is removed, and never comes back [n2 n3] 2 2 0",
			},
		},
		"a member and its replacement are removed, the new one first": {
			world("n1", "n2", "n3", "n4", "n3~"+one+" non-voter"), Change{Kind: Remove, ID: "n3"}, []string{
				"now [n1 n2 n3 n4] 4 3 1",
				"n3 is removed, and never comes back [n1 n2 n3 n4] 4 3 1",
				"n3 is removed, and never comes back [n1 n2 n4] 3 2 1",
			},
		},
		"a replacement is called off": {
			world("n1", "n2", "n3 down", "n3~"+one+" non-voter down"), Change{Kind: Remove, ID: "n3", Instance: one}, []string{
				"now [n1 n2 n3] 2 2 0",
				"n3 is removed, and never comes back [n1 n2 n3] 2 2 0",
			},
		},
		"two voters may become two others": {
			world("n1", "n2"), Change{Kind: TransferLeader}, []string{
				"now [n1 n2] 2 2 0",
				"n2 leads [n1 n2] 2 2 0",
			},
		},
		"leadership goes to whoever lags least": {
			world("n1", "n2 lags", "n3"), Change{Kind: TransferLeader, At: 7}, []string{
				"now [n1 n2 n3] 3 2 1",
				"n3 leads [n1 n2 n3] 3 2 1",
			},
		},
		"leadership goes where it is": {
			world(three...), Change{Kind: TransferLeader, ID: "n1"}, []string{"n1 leads already [n1 n2 n3] 3 2 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			steps, err := Plan(tc.state, tc.change)
			require.NoError(t, err)
			require.Equal(t, tc.want, says(steps))
		})
	}
}

func TestRefusals(t *testing.T) {
	three := func() State { return world("n1", "n2", "n3") }
	replacing := world("n1", "n2", "n3 down", "n3~"+one+" non-voter")
	add := Change{Kind: Add, ID: "n4", Addr: "h:4"}
	removed := three().meets("n4~"+one, Ours)
	removed.Joiner.Removed = true
	changing, leaderless := three(), three()
	changing.Changing, leaderless.Leader = true, ""
	for name, tc := range map[string]struct {
		state  State
		change Change
		code   outcome.Code
		says   string
	}{
		"no kind":              {three(), Change{ID: "n4"}, outcome.ChangeInvalid, `no change of the kind ""`},
		"no id":                {three(), Change{Kind: Add, Addr: "h:4"}, outcome.ChangeInvalid, "id"},
		"an id with a mark":    {three(), Change{Kind: Remove, ID: "n1~x"}, outcome.ChangeInvalid, "~"},
		"add without address":  {three(), Change{Kind: Add, ID: "n4"}, outcome.ChangeInvalid, "address is missing"},
		"add at no address":    {three(), Change{Kind: Add, ID: "n4", Addr: "h"}, outcome.ChangeInvalid, "not host:port"},
		"remove at an address": {three(), Change{Kind: Remove, ID: "n3", Addr: "h:1"}, outcome.ChangeInvalid, "takes no address"},
		"promote a non-voter":  {three(), Change{Kind: Promote, ID: "n3", NonVoter: true}, outcome.ChangeInvalid, "makes no non-voters"},
		"add an instance":      {three(), Change{Kind: Add, ID: "n4", Addr: "h:1", Instance: one}, outcome.ChangeInvalid, "takes no instance"},
		"no instance":          {three(), Change{Kind: Remove, ID: "n3", Instance: "x"}, outcome.ChangeInvalid, "hexadecimal"},

		"another configuration than was seen": {three(), Change{Kind: Remove, ID: "n3", At: 6}, outcome.ConfigurationChanged, "7 now, and not of 6"},
		"while it is being changed":           {changing, add, outcome.ChangeInProgress, "not committed"},
		"without a leader":                    {leaderless, add, outcome.NoLeader, "nobody leads"},
		"without a majority": {
			world("n1", "n2 down", "n3 down"), Change{Kind: Remove, ID: "n3"},
			outcome.QuorumAtRisk, "1 of 3 voters can be reached now, and 2 make a majority",
		},

		"add what is there":          {three().meets("n3~"+one, Nowhere), Change{Kind: Add, ID: "n3", Addr: "h:4"}, outcome.MemberExists, "replaced, not added"},
		"add a member where it is":   {three().meets("n3", Ours), Change{Kind: Add, ID: "n3", Addr: "n3:1"}, outcome.MemberExists, "n3 is a member at n3:1"},
		"add twice":                  {world("n1", "n4~"+one+" non-voter").meets("n4~"+one, Ours), Change{Kind: Add, ID: "n4", Addr: "n4:1"}, outcome.ChangeInProgress, "becomes a voter when it has caught up"},
		"add while it is replaced":   {replacing.meets("n3~"+two, Nowhere), Change{Kind: Add, ID: "n3", Addr: "h:4"}, outcome.ChangeInProgress, "n3 is being replaced"},
		"nobody is there":            {three(), add, outcome.MemberUnreachable, "bpsc server --id n4 --join"},
		"one of another cluster":     {three().meets("n4", Elsewhere), add, outcome.OtherCluster, "n4 at h:4"},
		"one under another id":       {three().meets("n5~"+one, Nowhere), add, outcome.MemberNotEmpty, "n5 is at h:4, and not n4"},
		"another member of ours":     {three().meets("n3", Ours), add, outcome.MemberNotEmpty, "n3 is at h:4"},
		"one that was removed":       {removed, add, outcome.MemberRemoved, "never comes back"},
		"a tenth":                    {world("n1", "n2", "n3", "n5", "n6", "n7", "n8", "n9", "n10").meets("n4~"+one, Nowhere), add, outcome.ClusterFull, "9 members"},
		"a tenth for a while":        {world("n1", "n2", "n3", "n5", "n6", "n7", "n8", "n9", "n10"), Change{Kind: Replace, ID: "n9"}, outcome.ClusterFull, "9 members"},
		"two voters":                 {world("n1").meets("n4~"+one, Nowhere), add, outcome.TwoVoters, "when either fails"},
		"two voters that remain":     {three(), Change{Kind: Remove, ID: "n3"}, outcome.TwoVoters, "when either fails"},
		"two voters after a demote":  {three(), Change{Kind: Demote, ID: "n3"}, outcome.TwoVoters, "when either fails"},
		"two voters after a promote": {world("n1", "n2 stays"), Change{Kind: Promote, ID: "n2"}, outcome.TwoVoters, "when either fails"},

		"replace nobody":                  {three(), Change{Kind: Replace, ID: "n4"}, outcome.MemberUnknown, "n4"},
		"replace another instance":        {three(), Change{Kind: Replace, ID: "n3", Instance: one}, outcome.MemberUnknown, "the member n3 is another instance"},
		"replace twice":                   {replacing, Change{Kind: Replace, ID: "n3"}, outcome.ChangeInProgress, "n3 is being replaced"},
		"replace while one is waited for": {world("n1", "n2", "n3 down replacing"), Change{Kind: Replace, ID: "n3"}, outcome.ChangeInProgress, "n3 is being replaced"},
		"replace by itself":               {three().meets("n3", Ours), Change{Kind: Replace, ID: "n3"}, outcome.MemberNotEmpty, "has its data still"},
		"replace by another's":            {three().meets("n3", Elsewhere), Change{Kind: Replace, ID: "n3"}, outcome.OtherCluster, "n3 at n3:1"},
		"replace by another":              {three().meets("n5~"+one, Nowhere), Change{Kind: Replace, ID: "n3"}, outcome.MemberNotEmpty, "n5 is at n3:1"},

		"promote nobody":                {three(), Change{Kind: Promote, ID: "n4"}, outcome.MemberUnknown, "n4"},
		"promote a voter":               {three(), Change{Kind: Promote, ID: "n3"}, outcome.AlreadyVoter, "n3"},
		"promote what is down":          {world("n1", "n2", "n3", "n4 stays down"), Change{Kind: Promote, ID: "n4"}, outcome.MemberUnreachable, "n4 does not answer"},
		"promote what lags":             {world("n1", "n2", "n3", "n4 stays lags"), Change{Kind: Promote, ID: "n4"}, outcome.NotCaughtUp, "lags 101 entries, and at most 100"},
		"promote what has no key":       {world("n1", "n2", "n3", "n4 stays keyless"), Change{Kind: Promote, ID: "n4"}, outcome.NotCaughtUp, "announced"},
		"promote what replaces another": {replacing, Change{Kind: Promote, ID: "n3", Instance: one}, outcome.ChangeInProgress, "n3"},

		"demote nobody":       {three(), Change{Kind: Demote, ID: "n4"}, outcome.MemberUnknown, "n4"},
		"demote a non-voter":  {world("n1", "n2", "n3", "n4 stays"), Change{Kind: Demote, ID: "n4"}, outcome.NotAVoter, "n4"},
		"demote the last one": {world("n1", "n2 stays"), Change{Kind: Demote, ID: "n1"}, outcome.QuorumAtRisk, "n1 is the last voter"},
		"demote one of two that answer": {
			world("n1", "n2", "n3 down"), Change{Kind: Demote, ID: "n2", TwoVoters: true},
			outcome.QuorumAtRisk, "of the voters that remain, n1 and n3, 1 could be reached, and 2 make a majority",
		},

		"remove nobody":         {three(), Change{Kind: Remove, ID: "n4"}, outcome.MemberUnknown, "n4"},
		"remove the last one":   {world("n1"), Change{Kind: Remove, ID: "n1"}, outcome.QuorumAtRisk, "n1 is the last voter"},
		"remove one too many":   {world("n1", "n2", "n3 down"), Change{Kind: Remove, ID: "n2"}, outcome.QuorumAtRisk, "n1 and n3"},
		"remove the leader":     {world("n1", "n2", "n3 down"), Change{Kind: Remove, ID: "n1"}, outcome.QuorumAtRisk, "n2 and n3"},
		"hand over to nobody":   {world("n1", "n2 stays"), Change{Kind: TransferLeader}, outcome.NoTransferTarget, "no other voter"},
		"hand over to a wraith": {three(), Change{Kind: TransferLeader, ID: "n4"}, outcome.MemberUnknown, "n4"},
		"hand over to a non-voter": {
			world("n1", "n2", "n3", "n4 stays"), Change{Kind: TransferLeader, ID: "n4"}, outcome.NotAVoter, "n4",
		},
		"hand over to what is down": {world("n1", "n2", "n3 down"), Change{Kind: TransferLeader, ID: "n3"}, outcome.MemberUnreachable, "n3"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, dry := range []bool{false, true} {
				tc.change.DryRun = dry
				steps, err := Plan(tc.state, tc.change)
				require.ErrorIs(t, err, tc.code)
				require.ErrorContains(t, err, tc.says)
				require.Empty(t, steps)
			}
		})
	}
}
