package fsm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
)

func (r *rig) configure(voters []string, nonVoters ...string) {
	r.t.Helper()
	r.index++
	require.NoError(r.t, r.Configure(r.index, voters, nonVoters))
	require.Equal(r.t, r.index, r.AppliedIndex())
}

// policies are the members of all policies.
func (r *rig) policies() (all [][]string) {
	list, _ := r.store.Policies()
	for _, p := range list {
		var ids []string
		for _, m := range p.Members {
			ids = append(ids, m.Member)
		}
		all = append(all, ids)
	}
	return all
}

func TestAPolicyFollowsOnceTheVotersAreSettledAndTheirKeysKnown(t *testing.T) {
	r := newRig(t)
	r.create(`{"token":"aka","wallets":"open","on_request":true}`)
	three := []string{"n1", "n2", "n3"}
	r.configure(three)
	require.Empty(t, r.announce("n1").Refused)
	require.Empty(t, r.announce("n2").Refused)
	require.Empty(t, r.policies(), "a key is missing")
	require.Empty(t, r.announce("n3").Refused)
	require.Equal(t, [][]string{three}, r.policies())

	require.Equal(t, chain.MemberNotConfigured, r.announce(instance).Refused, "a stranger")
	r.configure(three, instance)
	require.Empty(t, r.announce(instance).Refused)
	require.Len(t, r.policies(), 1, "it does not vote")
	r.configure([]string{"n1", "n2", "n3", instance})
	require.Len(t, r.policies(), 1, "an id is there twice")
	r.apply(&command.Produce{Token: "aka"})
	r.configure([]string{instance, "n2", "n1"})
	require.Equal(t, [][]string{three, {"n1", "n2", instance}}, r.policies())
	require.True(t, r.store.Removed("n3"))
	policies, _ := r.store.Policies()
	require.Equal(t, []uint64{2}, policies[1].Ends)
	require.Equal(t, r.index, policies[1].Index)

	require.Equal(t, chain.MemberNotConfigured, r.announce("n3").Refused, "it was removed")
	r.configure([]string{"n1", "n2", instance, "n3"})
	require.True(t, r.store.Removed("n3"), "for ever")
	require.Len(t, r.policies(), 2, "and it counts for nothing")
	require.Empty(t, r.announce("witness/w1").Refused, "a witness is in no configuration")
}

func TestAVoterWhoseKeyComesLateBeginsItsPolicyThen(t *testing.T) {
	r := newRig(t)
	r.configure([]string{"n1"})
	r.announce("n1")
	r.configure([]string{"n1", "n2"})
	require.Len(t, r.policies(), 1)
	r.announce("n2")
	require.Equal(t, [][]string{{"n1"}, {"n1", "n2"}}, r.policies())
}

// A state that an older version has written knows members and no configuration.
func TestTheFoundersConfigurationComesLate(t *testing.T) {
	r := attested(t, 2)
	require.Empty(t, r.policies())
	at := r.index
	require.NoError(t, r.Configure(at, []string{"n1", "n2", "n3"}, nil))
	require.Equal(t, [][]string{{"n1", "n2", "n3"}}, r.policies())
	require.Equal(t, at, r.AppliedIndex())
	require.NoError(t, r.Configure(at, []string{"n4"}, nil))
	require.Equal(t, []string{"n1", "n2", "n3"}, r.store.Voters(), "once only")
	require.Equal(t, uint64(founding), r.store.Member("n1").Since)
	require.NoError(t, r.store.Close())
	r.open()
	require.Equal(t, [][]string{{"n1", "n2", "n3"}}, r.policies())
}

func TestWhoGoesByAnotherPolicyHasAnotherDigest(t *testing.T) {
	digest := func(voters ...string) chain.Hash {
		r := newRig(t)
		r.create(`{"token":"aka","wallets":"open","on_request":true}`)
		r.configure([]string{"n1", "n2", "n3"})
		for _, id := range []string{"n1", "n2", "n3"} {
			r.announce(id)
		}
		r.configure(voters)
		r.apply(&command.Produce{Token: "aka"})
		d, err := r.store.Digest("aka", 2)
		require.NoError(t, err)
		return d
	}
	require.Equal(t, digest("n1", "n2"), digest("n2", "n1"))
	require.NotEqual(t, digest("n1", "n2"), digest("n1", "n3"))
}
