package fsm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/command"
)

// instance is a member that came later under the id of a founder.
const instance = "n3~0123456789abcdef0123456789abcdef"

// replaced is a rig with a chain of so many blocks whose n3 was replaced there.
func replaced(t testing.TB, blocks int) *rig {
	r := newRig(t)
	three := []string{"n1", "n2", "n3"}
	r.configure(three)
	for _, id := range three {
		require.Empty(t, r.announce(id).Refused)
	}
	r.create(`{"token":"aka","wallets":"open","on_request":true}`)
	r.grow(blocks - 1)
	r.configure(three, instance)
	require.Empty(t, r.announce(instance).Refused)
	r.configure([]string{"n1", "n2", instance})
	return r
}

// A chain that is older than the keys of its members: they judge all of it.
func TestTheFirstPolicyJudgesAllThatThereHasBeen(t *testing.T) {
	r, three := newRig(t), []string{"n1", "n2", "n3"}
	r.configure(three)
	r.create(`{"token":"aka","wallets":"open","on_request":true}`)
	r.grow(2)
	for _, id := range three {
		require.Empty(t, r.announce(id).Refused)
	}
	policies, _ := r.store.Policies()
	require.Len(t, policies, 1)
	require.Zero(t, policies[0].Index)
	require.Empty(t, policies[0].Ends, "nobody judged anything before")
}

func (r *rig) grow(blocks int) {
	for range blocks {
		r.apply(&command.Produce{Token: "aka"})
	}
}

func (r *rig) handover(number int) proof.Handover {
	r.t.Helper()
	policies, _ := r.store.Policies()
	var chains []proof.Chain
	for _, info := range r.store.Contracts() {
		chains = append(chains, proof.Chain{Token: info.Contract.Token, ID: info.ID})
	}
	h, err := Handover(policies, number, chains)
	require.NoError(r.t, err)
	return h
}

// endorsement is a member's signature of a handover.
func (r *rig) endorsement(member string, number int, body []byte) *command.Endorse {
	r.t.Helper()
	line, err := proof.Cosign(body, signer(r.t, member), 1_800_000_000)
	require.NoError(r.t, err)
	return &command.Endorse{Number: uint64(number), Member: member, Cosignature: line}
}

func (r *rig) endorse(member string, number int) command.Answer {
	r.t.Helper()
	return r.apply(r.endorsement(member, number, r.handover(number).Body()))[0]
}

// history verifies all policies as somebody who knows the first one.
func (r *rig) history() *proof.History {
	r.t.Helper()
	policies, _ := r.store.Policies()
	first, err := PolicyOf(policies[0])
	require.NoError(r.t, err)
	history := proof.NewHistory(first)
	for _, p := range policies[1:] {
		var lines []string
		for _, e := range p.Endorsed {
			lines = append(lines, e.Cosignature)
		}
		note, err := proof.AssembleNote(r.handover(p.Number).Body(), lines...)
		require.NoError(r.t, err)
		history, err = history.Add(note)
		require.NoError(r.t, err)
	}
	return history
}

func TestAHandoverIsSignedByTheMembersBefore(t *testing.T) {
	r := replaced(t, 4)
	h := r.handover(2)
	require.Equal(t, 2, h.Number)
	require.Equal(t, uint64(4), h.Ends[0].Size)
	other := h
	other.Ends = []proof.End{{Token: "aka", ID: h.Ends[0].ID, Size: 5}}
	forged := r.endorsement("n1", 2, h.Body())
	forged.Member = "n2"
	for name, q := range map[string]*command.Endorse{
		"by a member of the new policy alone": r.endorsement(instance, 2, h.Body()),
		"another handover":                    r.endorsement("n1", 2, other.Body()),
		"in another's name":                   forged,
		"of the first policy":                 r.endorsement("n1", 1, h.Body()),
		"of one to come":                      r.endorsement("n1", 3, h.Body()),
		"of policy 0":                         r.endorsement("n1", 0, h.Body()),
		"a signature that is noise":           {Number: 2, Member: "n1", Cosignature: "— bpsc/n1 AAAA"},
	} {
		require.Equal(t, chain.EndorsementWrong, r.apply(q)[0].Refused, name)
	}
	require.Empty(t, r.endorse("n1", 2).Refused)
	require.Empty(t, r.endorse("n1", 2).Refused, "again")
	require.ErrorIs(t, r.store.Endorsed(), chain.NotFound)
	require.Empty(t, r.endorse("n3", 2).Refused, "it signs that it is no member any more")
	policies, _ := r.store.Policies()
	require.Len(t, policies[1].Endorsed, 2)
	require.NoError(t, r.store.Endorsed())

	// Somebody who knows the first policy alone verifies by both.
	history := r.history()
	judge, err := history.For(proof.Origin("aka", h.Ends[0].ID), 5)
	require.NoError(t, err)
	require.Equal(t, r.handover(2).Policy.Hash(), judge.Hash())
}

func TestAKeyThatWasRemovedSignsNothingThatCounts(t *testing.T) {
	r := replaced(t, 4)
	r.grow(1)
	require.Equal(t, chain.AttestationWrong, r.say(r.word("n3", 5, chain.Hash{})).Refused)
	require.Equal(t, chain.AttestationWrong, r.say(r.word("n3", 4, chain.Hash{})).Refused, "not of its own time either")
	require.Equal(t, chain.AttestationWrong, r.say(r.word(instance, 4, chain.Hash{})).Refused, "that is before its time")
	require.Empty(t, r.say(r.word("n1", 4, chain.Hash{})).Refused)
	require.Empty(t, r.say(r.word(instance, 5, chain.Hash{})).Refused)

	// Nor does it under another identity.
	again := "n3~ffffffffffffffffffffffffffffffff"
	r.configure([]string{"n1", "n2", instance}, again)
	stolen := &command.Announce{Member: again, URL: "http://n3", Key: signer(t, "n3").String()}
	require.Equal(t, chain.MemberKeyFixed, r.apply(stolen)[0].Refused)
	require.Equal(t, chain.AttestationWrong, r.say(r.word(again, 5, chain.Hash{})).Refused)
}

func TestWhoDoesNotVoteAttestsNothing(t *testing.T) {
	r := newRig(t)
	r.create(`{"token":"aka","wallets":"open","on_request":true}`)
	r.configure([]string{"n1", "n2"}, "n3")
	require.Empty(t, r.announce("n1").Refused)
	require.Empty(t, r.announce("n3").Refused)
	require.Equal(t, chain.AttestationWrong, r.say(r.word("n3", 1, chain.Hash{})).Refused)
	require.Empty(t, r.say(r.word("n1", 1, chain.Hash{})).Refused, "before there is a policy")
}

// Until the members of a policy have a majority on something of their own, the newest
// checkpoint of those before stays, though it has fewer signatures.
func TestTheNewestCheckpointOfThePolicyBeforeStays(t *testing.T) {
	r := newRig(t)
	r.configure([]string{"n1"})
	r.announce("n1")
	r.create(`{"token":"aka","wallets":"open","on_request":true}`)
	r.grow(1)
	require.Empty(t, r.say(r.word("n1", 2, chain.Hash{})).Refused)
	five := []string{"n1", "n2", "n3", "n4", "n5"}
	r.configure(five)
	for _, id := range five[1:] {
		r.announce(id)
	}
	for size := uint64(3); size <= 12; size++ {
		r.grow(1)
		for _, id := range five[:2] {
			require.Empty(t, r.say(r.word(id, size, chain.Hash{})).Refused)
		}
	}
	require.Equal(t, "n1:2", r.said()[0])
	require.Empty(t, r.say(r.word("n3", 12, chain.Hash{})).Refused)
	r.grow(4)
	for size := uint64(13); size <= 16; size++ {
		require.Empty(t, r.say(r.word("n1", size, chain.Hash{})).Refused)
	}
	require.Equal(t, []string{"n1:12", "n2:12", "n3:12", "n1:13", "n1:14", "n1:15", "n1:16"}, r.said())
}

// What a snapshot brings is what the log would have.
func TestPoliciesTravelInSnapshots(t *testing.T) {
	r := replaced(t, 3)
	require.Empty(t, r.endorse("n1", 2).Refused)
	dir := t.TempDir() + "/taken"
	require.NoError(t, r.Snapshot(t.Context(), dir))
	other := newRig(t)
	require.NoError(t, other.Restore(dir))
	other.index = other.AppliedIndex()
	require.Empty(t, other.endorse("n2", 2).Refused)
	require.Empty(t, r.endorse("n2", 2).Refused)
	mine, _ := r.store.Policies()
	theirs, _ := other.store.Policies()
	require.Equal(t, mine, theirs)
	require.Equal(t, r.store.Members(), other.store.Members())
}
