package fsm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/command"
)

// lost is what is said of a cluster of which n1 alone is left.
func lost() *command.Recovered {
	return &command.Recovered{By: "Ann from operations", Reason: "fire in \"A\"", Time: 1_800_000_000, Before: []string{"n3", "n1", "n2"}, After: []string{"n1"}}
}

// burnt is a rig with members n1, n2, n3, an open chain and a signed one.
func burnt(t testing.TB) *rig {
	r := newRig(t)
	three := []string{"n1", "n2", "n3"}
	r.configure(three)
	for _, id := range three {
		require.Empty(t, r.announce(id).Refused)
	}
	r.create(`{"token":"aka","wallets":"open","on_request":true,"schedule":{"every":"1s"}}`)
	require.Empty(t, r.create(strings.Replace(newTown(`,"schedule":{"every":"1s"}`, false).contract, `"aka"`, `"gold"`, 1)).Refused)
	return r
}

// recoveries are the texts of the recoveries in a chain, and how many blocks there are.
func (r *rig) recoveries(token string) (texts []string, length uint64) {
	r.t.Helper()
	info, err := r.store.Contract(token)
	require.NoError(r.t, err)
	require.NoError(r.t, r.store.Blocks(token, 1, 0, func(_ uint64, canonical []byte) error {
		b, err := chain.DecodeBlock(canonical, info.Contract.Decimals)
		require.NoError(r.t, err)
		for i := range b.Records {
			if b.Records[i].Kind == chain.Recovery {
				texts = append(texts, string(chain.AppendRecord(nil, &b.Records[i], info.Contract.Decimals)))
			}
		}
		return nil
	}))
	return texts, info.Length
}

func TestARecoveryIsMarkedInEveryChain(t *testing.T) {
	r := burnt(t)
	require.Empty(t, r.send("k1", "a", "b", 1_000_000).Refused)
	require.Empty(t, r.apply(lost())[0].Refused)
	require.Empty(t, r.apply(lost())[0].Refused, "the same again changes nothing")
	r.now += 3600 * second
	r.apply()
	for _, token := range []string{"aka", "gold"} {
		texts, _ := r.recoveries(token)
		require.Len(t, texts, 1, token)
		require.Contains(t, texts[0], `"kind": "recovery", "members_after": "n1", "members_before": "n1,n2,n3", "reason": "fire in \"A\"", "sender": "Ann from operations", "time": 1800000000.0}`)
		record, err := proof.ReadRecord([]byte(texts[0]))
		require.NoError(t, err)
		require.Equal(t, "n1,n2,n3", record.Before)
		r.audit(token)
		copied := newFollowerRig(t)
		var blocks [][]byte
		require.NoError(t, r.store.Blocks(token, 1, 0, func(_ uint64, canonical []byte) error {
			blocks = append(blocks, canonical)
			return nil
		}))
		adopted, err := copied.Adopt(token, copied.check(token, blocks))
		require.NoError(t, err)
		require.Len(t, blocks, adopted)
		require.NoError(t, copied.store.Close())
	}
	require.Equal(t, []string{"n1"}, r.store.Voters())
	require.True(t, r.store.Removed("n2"))
	require.True(t, r.store.Removed("n3"))
}

// Whoever verifies has to be told of it by somebody else: those who are left sign for
// themselves.
func TestThePolicyAfterARecoveryIsSignedByThoseWhoAreLeft(t *testing.T) {
	r := burnt(t)
	require.Empty(t, r.apply(lost())[0].Refused)
	require.Equal(t, [][]string{{"n1", "n2", "n3"}, {"n1"}}, r.policies())
	require.ErrorIs(t, r.store.Endorsed(), chain.NotFound)
	require.Equal(t, chain.EndorsementWrong, r.endorse("n2", 2).Refused)
	require.Empty(t, r.endorse("n1", 2).Refused)
	require.NoError(t, r.store.Endorsed())

	policies, _ := r.store.Policies()
	first, err := PolicyOf(policies[0])
	require.NoError(t, err)
	note, err := proof.AssembleNote(r.handover(2).Body(), policies[1].Endorsed[0].Cosignature)
	require.NoError(t, err)
	history := proof.NewHistory(first)
	_, err = history.Add(note)
	require.ErrorIs(t, err, proof.ErrRecovery)
	require.ErrorContains(t, err, "Ann from operations")
	history, err = history.Accept(note, r.handover(2).Hash())
	require.NoError(t, err)
	require.Equal(t, 2, history.Number())

	// Members that were lost attest nothing more, and the one that is left does.
	r.grow(1)
	require.Equal(t, chain.AttestationWrong, r.say(r.word("n2", 2, chain.Hash{})).Refused)
	require.Empty(t, r.say(r.word("n1", 2, chain.Hash{})).Refused)

	// A second one, of the same members, is another policy all the same.
	again := lost()
	again.Time, again.Before = again.Time+1, []string{"n1"}
	require.Empty(t, r.apply(again)[0].Refused)
	require.Len(t, r.policies(), 3)
}

func TestWhatIsNoRecoveryChangesNothing(t *testing.T) {
	r := burnt(t)
	for name, spoil := range map[string]func(q *command.Recovered){
		"nobody did it":         func(q *command.Recovered) { q.By = "" },
		"for no reason":         func(q *command.Recovered) { q.Reason = "" },
		"a reason that rings":   func(q *command.Recovered) { q.Reason = "a\a" },
		"a reason without end":  func(q *command.Recovered) { q.Reason = string(make([]byte, 600)) },
		"nobody is left":        func(q *command.Recovered) { q.After = nil },
		"somebody twice":        func(q *command.Recovered) { q.After = []string{"n1", "n1"} },
		"nobody was there":      func(q *command.Recovered) { q.Before = nil },
		"a name that is a list": func(q *command.Recovered) { q.Before = []string{"n1,n2"} },
		"no time":               func(q *command.Recovered) { q.Time = -1 },
	} {
		q := lost()
		spoil(q)
		require.Equal(t, chain.RecoveryInvalid, r.apply(q)[0].Refused, name)
	}
	require.Len(t, r.policies(), 1)
	require.Len(t, r.store.Voters(), 3)
	info := mustInfo(t, r.store, "aka")
	require.Zero(t, info.Pending)
}

// Where keys were missing the policy of the recovery comes with the last of them.
func TestARecoveryBeforeAllKeysAreKnown(t *testing.T) {
	r := newRig(t)
	r.configure([]string{"n1"})
	r.announce("n1")
	r.create(`{"token":"aka","wallets":"open","on_request":true}`)
	r.configure([]string{"n1", "n2", "n3"})
	q := lost()
	q.After = []string{"n1", "n2"}
	require.Empty(t, r.apply(q)[0].Refused)
	require.Len(t, r.policies(), 1)
	require.NoError(t, r.store.Close())
	r.open()
	r.announce("n2")
	policies, _ := r.store.Policies()
	require.Len(t, policies, 2)
	require.Equal(t, "Ann from operations", policies[1].Recovery.By)
}
