package fsm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store"
)

// signer is the key of a member.
func signer(t testing.TB, member string) proof.SigningKey {
	name, err := proof.KeyName("", strings.ReplaceAll(identity.Identity(member).ID(), "/", "-"))
	require.NoError(t, err)
	k, err := proof.NewSigningKey(name, chain.DeriveID([]byte(member)))
	require.NoError(t, err)
	return k
}

func (r *rig) announce(member string) command.Answer {
	r.t.Helper()
	return r.apply(&command.Announce{Member: member, URL: "http://" + member, Key: signer(r.t, member).String()})[0]
}

// word is what a member says of aka at a size.
func (r *rig) word(member string, size uint64, root chain.Hash) chain.Attestation {
	r.t.Helper()
	info, err := r.store.Contract("aka")
	require.NoError(r.t, err)
	body := proof.Checkpoint{Origin: proof.Origin("aka", info.ID), Size: size, Root: root}.Body()
	line, err := proof.Cosign(body, signer(r.t, member), 1_800_000_000)
	require.NoError(r.t, err)
	return chain.Attestation{Member: member, Size: size, Root: root, Cosignature: line}
}

func (r *rig) say(a chain.Attestation) command.Answer {
	r.t.Helper()
	return r.apply(&command.Attest{Token: "aka", Attestation: a})[0]
}

func (r *rig) said() (list []string) {
	r.t.Helper()
	all, _, err := r.store.Attestations("aka")
	require.NoError(r.t, err)
	for _, a := range all {
		list = append(list, fmt.Sprintf("%s:%d", a.Member, a.Size))
	}
	return list
}

// attested is a rig with a chain of so many blocks and members n1, n2, n3.
func attested(t testing.TB, blocks int) *rig {
	r := newRig(t)
	r.create(`{"token":"aka","wallets":"open","on_request":true}`)
	for range blocks - 1 {
		r.apply(&command.Produce{Token: "aka"})
	}
	for _, member := range []string{"n1", "n2", "n3"} {
		require.Empty(t, r.announce(member).Refused)
	}
	return r
}

func TestAWordThatIsNotAMembersIsRefused(t *testing.T) {
	r := attested(t, 3)
	root := chain.Hash{1}
	good := r.word("n1", 2, root)
	forged := good
	forged.Member = "n2"
	changed := good
	changed.Root = chain.Hash{2}
	other := good
	other.Size = 3
	for name, a := range map[string]chain.Attestation{
		"another member's name":     forged,
		"another root":              changed,
		"another size":              other,
		"a size the chain has not":  r.word("n1", 4, root),
		"nothing":                   {Member: "n1", Root: root},
		"a member without a key":    r.word("n4", 2, root),
		"a signature that is noise": {Member: "n1", Size: 2, Root: root, Cosignature: "— bpsc/n1 AAAA"},
	} {
		require.Equal(t, chain.AttestationWrong, r.say(a).Refused, name)
	}
	require.Equal(t, chain.ContractUnknown, r.apply(&command.Attest{Token: "no", Attestation: good})[0].Refused)
	require.Empty(t, r.said())
	require.Empty(t, r.say(good).Refused)
	require.Equal(t, []string{"n1:2"}, r.said())
}

func TestAMemberHasOneWordForEachSize(t *testing.T) {
	r := attested(t, 3)
	first := r.word("n1", 2, chain.Hash{1})
	require.Empty(t, r.say(first).Refused)
	require.Empty(t, r.say(r.word("n1", 2, chain.Hash{2})).Refused)
	require.Empty(t, r.say(first).Refused, "who says the same again is not two")
	all, _, err := r.store.Attestations("aka")
	require.NoError(t, err)
	require.Equal(t, []chain.Attestation{first}, all)
}

func TestTheNewestWordsAreKeptAndThoseOfTheMost(t *testing.T) {
	r := attested(t, 12)
	for _, member := range []string{"n1", "n2", "n3"} {
		r.say(r.word(member, 2, chain.Hash{}))
	}
	for size := uint64(3); size <= 10; size++ {
		r.say(r.word("n1", size, chain.Hash{}))
	}
	require.Equal(t, []string{"n1:2", "n2:2", "n3:2", "n1:7", "n1:8", "n1:9", "n1:10"}, r.said())
	for _, member := range []string{"n2", "n3"} {
		r.say(r.word(member, 10, chain.Hash{}))
	}
	r.say(r.word("n2", 11, chain.Hash{}))
	require.Equal(t, []string{"n1:8", "n1:9", "n1:10", "n2:10", "n3:10", "n2:11"}, r.said())
}

// While witnesses are away, or come and go, members speak on. The newest
// checkpoint that any policy's numbers of both have signed stays.
func TestTheNewestCheckpointOfEveryPolicyStays(t *testing.T) {
	r := attested(t, 20)
	for _, w := range []string{"witness/w1", "witness/w2"} {
		require.Empty(t, r.announce(w).Refused)
	}
	speak := func(size uint64, who ...string) {
		t.Helper()
		for _, name := range who {
			require.Empty(t, r.say(r.word(name, size, chain.Hash{})).Refused)
		}
	}
	all := []string{"n1", "n2", "n3"}
	speak(2, "n1", "n2", "witness/w1", "witness/w2")
	speak(3, "n1", "n2", "n3", "witness/w1")
	speak(4, "n1", "n2", "witness/w2")
	for size := uint64(5); size <= 12; size++ {
		speak(size, all...)
	}
	kept := []string{"n1:2", "n2:2", "witness/w1:2", "witness/w2:2", "n1:3", "n2:3", "n3:3", "witness/w1:3", "n1:4", "n2:4", "witness/w2:4"}
	require.Equal(t, kept, r.said()[:len(kept)])
	require.Len(t, r.said(), len(kept)+3*MaxRounds)

	speak(13, "n1", "n2", "n3", "witness/w1", "witness/w2")
	for size := uint64(14); size <= 18; size++ {
		speak(size, all...)
	}
	require.Equal(t, []string{"n1:13", "n2:13", "n3:13", "witness/w1:13", "witness/w2:13"}, r.said()[:5])
	require.Len(t, r.said(), 5+3*MaxRounds)

	// Words on two roots of one size do not add up.
	r.say(r.word("n1", 19, chain.Hash{1}))
	r.say(r.word("n2", 19, chain.Hash{2}))
	r.say(r.word("n3", 19, chain.Hash{3}))
	require.Equal(t, "n1:13", r.said()[0])
}

func TestTheKeyOfAMemberIsItsFirst(t *testing.T) {
	r := attested(t, 1)
	change := &command.Announce{Member: "n1", URL: "http://elsewhere", Key: signer(t, "n2").String()}
	require.Equal(t, chain.MemberKeyFixed, r.apply(change)[0].Refused)
	change.Key = "no key"
	require.NotEmpty(t, r.apply(change)[0].Refused)
	change.Key = signer(t, "n1").String()
	require.Empty(t, r.apply(change)[0].Refused)
	require.Equal(t, "http://elsewhere", r.store.Member("n1").URL)
	require.Equal(t, signer(t, "n1").String(), r.store.Member("n1").Key)
}

// Two machines that apply the same have the same digest; one that read
// something else on the way has another from there on.
func TestTheDigestTellsStatesApart(t *testing.T) {
	digest := func(level release.Level, spoil bool) chain.Hash {
		r := newRig(t)
		r.setLevel(release.For(level))
		r.create(`{"token":"aka","wallets":"open","on_request":true}`)
		transfer := func(id string) {
			r.apply(submitRequest("aka", chain.Transaction{ID: chain.DeriveID([]byte(id)), Sender: "a", Recipient: "b", Amount: 1_000_000}))
		}
		transfer("1")
		if spoil { // as a bit that has flipped in memory would
			r.index++
			require.NoError(t, r.store.Update(r.index, func(tx *store.Tx) error {
				h := tx.Head("aka")
				before := tx.Account(h, "a")
				now := before
				now.Balance++
				tx.SetAccount(h, "a", before, now)
				h.BalanceSum--
				return nil
			}))
		}
		transfer("2")
		if level >= release.Access { // what is of all chains does not make it forget
			require.Empty(t, r.apply(&command.Note{Action: auditlog.Action{Who: auditlog.Root, What: "x", Subject: "of"}})[0].Refused)
		}
		r.apply(&command.Produce{Token: "aka"})
		d, err := r.store.Digest("aka", 2)
		require.NoError(t, err)
		return d
	}
	for level := release.First; level <= release.Newest; level++ {
		require.Equal(t, digest(level, false), digest(level, false))
		require.NotEqual(t, digest(level, false), digest(level, true), "level %d", level)
	}
}

func TestThereIsRoomForSoManyMembers(t *testing.T) {
	r := attested(t, 1) // three members
	for i := 3; i < MaxMembers; i++ {
		require.Empty(t, r.announce(fmt.Sprint("m", i)).Refused)
	}
	require.Equal(t, chain.MembersFull, r.announce("one-more").Refused)
	require.Empty(t, r.announce("n1").Refused, "who is known may say it again")
}

// A cluster whose members are replaced year after year has room for the next one.
func TestThoseWhoWereRemovedTakeNoRoom(t *testing.T) {
	r, staying := newRig(t), []string{"n1", "n2"}
	for i := range MaxMembers + 1 {
		next := fmt.Sprintf("n3~%032x", i)
		r.configure(staying, next)
		require.Empty(t, r.announce(next).Refused, "instance %d", i)
	}
}

// Witnesses are of no policy of the members, and count where they are asked for.
func TestAWitnessIsNoMemberOfThePolicy(t *testing.T) {
	r := replaced(t, 3)
	require.Empty(t, r.announce("witness/w1").Refused)
	require.Empty(t, r.say(r.word("witness/w1", 2, chain.Hash{})).Refused)
	require.Equal(t, []string{"witness/w1:2"}, r.said())
}
