package proof_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// signer is a member with its key.
type signer struct {
	name string
	key  proof.SigningKey
}

func signerOf(t testing.TB, name string, seed byte) signer {
	return signer{name, newKey(t, name, seed)}
}

func policyOf(t testing.TB, list []signer) *proof.Policy {
	var all []proof.Cosigner
	for _, s := range list {
		all = append(all, proof.Cosigner{Name: s.name, Key: s.key.Verifier()})
	}
	return members(t, all...)
}

// signedBy puts signatures below a text.
func signedBy(t testing.TB, body []byte, list ...signer) []byte {
	t.Helper()
	var lines []string
	for _, s := range list {
		line, err := proof.Cosign(body, s.key, unix)
		require.NoError(t, err)
		lines = append(lines, line)
	}
	note, err := proof.AssembleNote(body, lines...)
	require.NoError(t, err)
	return note
}

// changing is a cluster of one chain whose members change.
type changing struct {
	t       testing.TB
	members [][]signer // of each policy
	ends    []uint64   // where each but the newest ends
	notes   [][]byte   // the handovers
}

var (
	theChain = proof.Chain{Token: "aka", ID: chain.Hash{1}}
	theLog   = proof.Origin("aka", chain.Hash{1})
)

// handover is the one after policy k, counted from 0.
func (c *changing) handover(k int) proof.Handover {
	return proof.Handover{Number: k + 2, Before: policyOf(c.t, c.members[k]).Hash(), Policy: policyOf(c.t, c.members[k+1]).Core(),
		Ends: []proof.End{{Token: "aka", ID: chain.Hash{1}, Size: c.ends[k]}}}
}

// change makes the next policy, signed for by a majority of the one before.
func (c *changing) change(end uint64, next ...signer) {
	k := len(c.members) - 1
	c.members, c.ends = append(c.members, next), append(c.ends, end)
	before := c.members[k]
	c.notes = append(c.notes, signedBy(c.t, c.handover(k).Body(), before[:proof.Majority(len(before))]...))
}

func (c *changing) history() *proof.History {
	h := proof.NewHistory(policyOf(c.t, c.members[0]))
	for _, note := range c.notes {
		var err error
		h, err = h.Add(note)
		require.NoError(c.t, err)
	}
	return h
}

// threePolicies is n1 n2 n3, then n4 in the place of n1, then n5 in that of n2.
func threePolicies(t testing.TB) *changing {
	var n []signer
	for i := range 5 {
		n = append(n, signerOf(t, fmt.Sprintf("n%d", i+1), byte(i+1)))
	}
	c := &changing{t: t, members: [][]signer{{n[0], n[1], n[2]}}}
	c.change(10, n[1], n[2], n[3])
	c.change(20, n[2], n[3], n[4])
	return c
}

func checkpointOf(size uint64) proof.Checkpoint {
	return proof.Checkpoint{Origin: theLog, Size: size, Root: chain.Hash{byte(size)}}
}

// Whatever the changes, a majority of policy k speaks for the sizes of policy k
// and for no others.
func TestEachPolicySpeaksForItsOwnSizes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		seed := byte(0)
		fresh := func(name string) signer { seed++; return signerOf(t, name, seed) }
		var founders []signer
		for i := range rapid.IntRange(1, 5).Draw(r, "founders") {
			founders = append(founders, fresh(fmt.Sprintf("n%d", i)))
		}
		c := &changing{t: t, members: [][]signer{founders}}
		end := uint64(0)
		for i := range rapid.IntRange(0, 4).Draw(r, "changes") {
			now := slices.Clone(c.members[len(c.members)-1])
			at := rapid.IntRange(0, len(now)-1).Draw(r, "who")
			switch kind := rapid.IntRange(0, 2).Draw(r, "kind"); {
			case kind == 0 && len(now) > 1:
				now = slices.Delete(now, at, at+1)
			case kind == 1:
				now[at] = fresh(now[at].name) // the same name, on a new disk
			default:
				now = append(now, fresh(fmt.Sprintf("x%d", i)))
			}
			end += rapid.Uint64Range(0, 5).Draw(r, "blocks")
			c.change(max(end, 1), now...)
		}
		h := c.history()
		again, err := proof.ParseHistory([]byte(h.String()))
		require.NoError(r, err)
		require.Equal(r, h.String(), again.String())
		require.Len(r, again.Stages(), len(c.members))

		first := uint64(1)
		for k := range c.members {
			last := end + 5
			if k < len(c.ends) {
				last = c.ends[k]
			}
			for _, size := range []uint64{first - 1, last, last + 1} {
				if size < 1 {
					continue
				}
				all := c.members[k]
				enough := proof.Majority(len(all))
				note := signedBy(t, checkpointOf(size).Body(), all[len(all)-enough:]...)
				got, err := again.Verify(note, theLog)
				mine := size >= first && (size <= last || k == len(c.ends))
				judge := slices.IndexFunc(c.ends, func(e uint64) bool { return size <= e })
				if judge < 0 {
					judge = len(c.members) - 1
				}
				present := 0 // who of these signers is of the policy that judges, with that key
				for _, s := range all[len(all)-enough:] {
					if slices.ContainsFunc(c.members[judge], func(o signer) bool { return o.key.String() == s.key.String() }) {
						present++
					}
				}
				require.Equal(r, mine, judge == k)
				require.Equal(r, present >= proof.Majority(len(c.members[judge])), err == nil, "policy %d, size %d: %v", k+1, size, err)
				if mine {
					require.NoError(r, err)
					require.Len(r, got.Members, enough)
				}
			}
			first = last + 1
		}
	})
}

// A key that was removed is a stranger's for what comes after, and one that
// joined for what was before.
func TestARemovedKeyCountsForNothingAfterwards(t *testing.T) {
	c := threePolicies(t)
	h, n1, n2, n3, n4 := c.history(), c.members[0][0], c.members[0][1], c.members[0][2], c.members[1][2]
	for _, x := range []struct {
		size uint64
		by   []signer
		want []string
	}{
		{10, []signer{n1, n2}, []string{"n1", "n2"}},
		{11, []signer{n1, n2}, nil},
		{11, []signer{n1, n2, n3}, []string{"n2", "n3"}},
		{10, []signer{n3, n4}, nil},
		{11, []signer{n3, n4}, []string{"n3", "n4"}},
		{20, []signer{n2, n4}, []string{"n2", "n4"}},
		{21, []signer{n2, n4}, nil},
	} {
		got, err := h.Verify(signedBy(t, checkpointOf(x.size).Body(), x.by...), "")
		if x.want == nil {
			require.ErrorIs(t, err, proof.ErrMinority, "size %d", x.size)
			continue
		}
		require.NoError(t, err)
		require.Len(t, got.Members, len(x.want))
		for i, name := range x.want {
			require.Equal(t, name, got.Members[i].Name)
		}
	}
	// A chain that is younger than the members is theirs alone.
	young := proof.Checkpoint{Origin: proof.Origin("akb", chain.Hash{7}), Size: 1, Root: chain.Hash{1}}
	_, err := h.Verify(signedBy(t, young.Body(), n1, n2), "")
	require.ErrorIs(t, err, proof.ErrMinority)
	_, err = h.Verify(signedBy(t, young.Body(), c.members[2][:2]...), young.Origin)
	require.NoError(t, err)
	_, err = h.Verify(signedBy(t, young.Body(), c.members[2][:2]...), theLog)
	require.ErrorIs(t, err, proof.ErrOrigin)
}

func TestAddRefuses(t *testing.T) {
	c := threePolicies(t)
	n, stranger := c.members[0], signerOf(t, "n1", 99)
	first := proof.NewHistory(policyOf(t, n))
	second, err := first.Add(c.notes[0])
	require.NoError(t, err)
	alter := func(k int, change func(h *proof.Handover)) proof.Handover {
		h := c.handover(k)
		change(&h)
		return h
	}
	recovery := alter(0, func(h *proof.Handover) { h.Recovery = aRecovery(t).Recovery })
	madeUp := recovery
	madeUp.Policy = policyOf(t, []signer{stranger})
	for _, x := range []struct {
		name string
		h    *proof.History
		note []byte
		want error
	}{
		{"nothing", first, nil, proof.ErrEmpty},
		{"no signature", first, append(c.handover(0).Body(), '\n'), proof.ErrNote},
		{"a checkpoint", first, signedBy(t, checkpointOf(3).Body(), n...), proof.ErrHandover},
		{"one that was skipped", first, c.notes[1], proof.ErrHandoverOrder},
		{"the same again", second, c.notes[0], proof.ErrHandoverOrder},
		{"another number", second, signedBy(t, alter(1, func(h *proof.Handover) { h.Number = 4 }).Body(), c.members[1]...), proof.ErrHandoverOrder},
		{"a minority", first, signedBy(t, c.handover(0).Body(), n[0]), proof.ErrHandoverMinority},
		{"one member twice", first, signedBy(t, c.handover(0).Body(), n[0], n[0]), proof.ErrHandoverMinority},
		{"the new members", first, signedBy(t, c.handover(0).Body(), c.members[1][2], n[1]), proof.ErrHandoverMinority},
		{"a member's name with another key", first, signedBy(t, c.handover(0).Body(), stranger, n[1]), proof.ErrHandoverMinority},
		{"signatures of a former member", second, signedBy(t, c.handover(1).Body(), n[0], n[1]), proof.ErrHandoverMinority},
		{"another policy under the signatures", first, []byte(strings.Replace(string(c.notes[0]), "end aka", "end akb", 1)), proof.ErrSignature},
		{"a chain that went back", second, signedBy(t, alter(1, func(h *proof.Handover) { h.Ends[0].Size = 9 }).Body(), c.members[1]...), proof.ErrHandover},
		{"a chain that is gone", second, signedBy(t, alter(1, func(h *proof.Handover) { h.Ends = nil }).Body(), c.members[1]...), proof.ErrHandover},
		{"no change", first, signedBy(t, alter(0, func(h *proof.Handover) { h.Policy = policyOf(t, n).Core() }).Body(), n...), proof.ErrHandover},
		{"a recovery", first, signedBy(t, recovery.Body(), c.members[1]...), proof.ErrRecovery},
		{"a recovery that the old members signed alone", first, signedBy(t, recovery.Body(), n[0]), proof.ErrHandoverMinority},
		{"a recovery that somebody made up", first, signedBy(t, madeUp.Body(), stranger), proof.ErrHandoverMinority},
		{"of no policy", proof.NewHistory(nil), c.notes[0], proof.ErrPolicy},
	} {
		t.Run(x.name, func(t *testing.T) {
			before := ""
			if x.h.Newest() != nil {
				before = x.h.String()
			}
			_, err := x.h.Add(x.note)
			require.ErrorIs(t, err, x.want)
			if before != "" {
				require.Equal(t, before, x.h.String())
			}
		})
	}
	_, err = first.Accept(c.notes[0], chain.Hash{1})
	require.ErrorIs(t, err, proof.ErrHandover)
	_, err = first.Stop(c.notes[0])
	require.ErrorIs(t, err, proof.ErrHandover)
}

// Witnesses and chains stay what the first policy says.
func TestAHandoverLeavesWitnessesAlone(t *testing.T) {
	c := threePolicies(t)
	w := signerOf(t, "w1", 50)
	first, err := proof.NewPolicy(policyOf(t, c.members[0]).Members(), 2, []proof.Cosigner{{Name: "w1", Key: w.key.Verifier()}}, 1, theChain)
	require.NoError(t, err)
	h, err := proof.NewHistory(first).Add(c.notes[0])
	require.NoError(t, err)
	_, err = h.Verify(signedBy(t, checkpointOf(11).Body(), c.members[1]...), theLog)
	require.ErrorIs(t, err, proof.ErrWitnesses)
	got, err := h.Verify(signedBy(t, checkpointOf(11).Body(), append(c.members[1], w)...), theLog)
	require.NoError(t, err)
	require.Len(t, got.Witnesses, 1)
	other := proof.Checkpoint{Origin: proof.Origin("akb", chain.Hash{2}), Size: 1, Root: chain.Hash{1}}
	_, err = h.Verify(signedBy(t, other.Body(), append(c.members[1], w)...), "")
	require.ErrorIs(t, err, proof.ErrOrigin)
	// A witness whose name a new member takes leaves nobody to tell them apart.
	c.ends, c.notes, c.members = nil, nil, c.members[:1]
	c.change(10, c.members[0][0], c.members[0][1], signerOf(t, "w1", 51))
	_, err = proof.NewHistory(first).Add(c.notes[0])
	require.ErrorIs(t, err, proof.ErrPolicy)
}

// A recovery stops a history until somebody says that it is to go on.
func TestARecoveryIsAcceptedByName(t *testing.T) {
	c := threePolicies(t)
	n3 := c.members[0][2]
	said := proof.Handover{Number: 4, Before: policyOf(t, c.members[2]).Hash(), Policy: policyOf(t, []signer{n3}).Core(),
		Ends:     []proof.End{{Token: "aka", ID: chain.Hash{1}, Size: 18}}, // two blocks were lost
		Recovery: &proof.Recovery{By: "ada", Reason: "fire", Before: []string{"n3", "n4", "n5"}, After: []string{"n3"}}}
	note := signedBy(t, said.Body(), n3)
	h := c.history()
	stopped, err := h.Stop(note)
	require.NoError(t, err)
	text := []byte(stopped.String())
	stopped, err = proof.ParseHistory(text)
	require.NoError(t, err)
	require.Equal(t, string(text), stopped.String())
	met, is := stopped.Stopped()
	require.True(t, is)
	require.Equal(t, said.Recovery, met.Recovery)

	until, after := signedBy(t, checkpointOf(18).Body(), c.members[1]...), signedBy(t, checkpointOf(19).Body(), n3)
	_, err = stopped.Verify(until, "")
	require.NoError(t, err)
	_, err = stopped.Verify(after, "")
	require.ErrorIs(t, err, proof.ErrRecovery)
	require.ErrorContains(t, err, "aka after block 18, policy 4: ada went on with [n3] of [n3 n4 n5]: fire; the handover has the hash "+said.Hash().String())

	accepted, err := proof.ParseHistory(text, said.Hash())
	require.NoError(t, err)
	_, is = accepted.Stopped()
	require.False(t, is)
	_, err = accepted.Verify(after, "")
	require.NoError(t, err)
	lost := signedBy(t, checkpointOf(19).Body(), c.members[1][0], c.members[1][2])
	_, err = accepted.Verify(lost, "")
	require.ErrorIs(t, err, proof.ErrMinority, "what was lost is judged by those who went on")
	_, err = h.Accept(note, chain.Hash{1})
	require.ErrorIs(t, err, proof.ErrRecovery)
}

// After a restore from a backup there is none of the keys of before. Nobody stops there
// who was not told, and it is accepted by name.
func TestARestoreIsAcceptedByName(t *testing.T) {
	c := threePolicies(t)
	n7 := signerOf(t, "n7", 70)
	said := proof.Handover{Number: 4, Before: policyOf(t, c.members[2]).Hash(), Policy: policyOf(t, []signer{n7}).Core(),
		Ends:     []proof.End{{Token: "aka", ID: chain.Hash{1}, Size: 18}},
		Recovery: &proof.Recovery{By: "ann", Reason: "restored", Before: []string{"n3", "n4", "n5"}, After: []string{"n7"}}}
	note := signedBy(t, said.Body(), n7)
	h := c.history()
	_, err := h.Stop(note)
	require.ErrorIs(t, err, proof.ErrHandoverMinority)
	require.ErrorContains(t, err, said.Hash().String())
	accepted, err := h.Accept(note, said.Hash())
	require.NoError(t, err)
	_, err = accepted.Verify(signedBy(t, checkpointOf(19).Body(), n7), "")
	require.NoError(t, err)
	again, err := proof.ParseHistory([]byte(accepted.String()), said.Hash())
	require.NoError(t, err)
	require.Equal(t, accepted.String(), again.String())

	_, err = h.Accept(signedBy(t, said.Body(), c.members[2]...), said.Hash())
	require.ErrorIs(t, err, proof.ErrHandoverMinority, "the new members have to sign it")
}

// A file that was written once reads the same for ever.
func TestTheFileOfAHistory(t *testing.T) {
	file, err := os.ReadFile("testdata/history.txt")
	require.NoError(t, err)
	h, err := proof.ParseHistory(file)
	require.NoError(t, err)
	require.Equal(t, string(file), h.String())
	require.Equal(t, string(file), threePolicies(t).history().String())
	stages := h.Stages()
	require.Len(t, stages, 3)
	require.Equal(t, []int{1, 2, 3}, []int{stages[0].Number, stages[1].Number, stages[2].Number})
	require.Nil(t, stages[0].Handover)
	require.Equal(t, []proof.Signer{{Name: "n1", Unix: unix}, {Name: "n2", Unix: unix}}, stages[1].Signed)
	require.Equal(t, "aka after block 20", stages[2].Handover.Where())
	require.Equal(t, 3, h.Number())

	commented := "# the first\n\n" + strings.ReplaceAll(string(file), "\nbpsc/handover", "\n# then\n\n\nbpsc/handover") + "# the end\n"
	again, err := proof.ParseHistory([]byte(commented))
	require.NoError(t, err)
	require.Equal(t, string(file), again.String())
}

func TestParseHistoryRefuses(t *testing.T) {
	c := threePolicies(t)
	good := c.history().String()
	parts := strings.SplitAfter(good, "\n\nbpsc/")
	require.Len(t, parts, 3)
	for _, x := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", proof.ErrEmpty},
		{"too much", strings.Repeat("#", proof.MaxHistoryBytes+1), proof.ErrTooLarge},
		{"no policy", strings.TrimPrefix(parts[0], strings.TrimSuffix(parts[0], "bpsc/")) + parts[1], proof.ErrEmpty},
		{"carriage returns", strings.ReplaceAll(good, "\n", "\r\n"), proof.ErrPolicy},
		{"too many handovers", good + strings.Repeat("\nbpsc/handover/v1\n", proof.MaxHandovers), proof.ErrTooLarge},
		{"one that was skipped", parts[0] + parts[2], proof.ErrHandoverOrder},
		{"one twice", parts[0] + parts[1] + parts[1] + parts[2], proof.ErrHandoverOrder},
		{"one that is cut short", good[:len(good)-20], proof.ErrNote},
		{"text between", strings.Replace(good, "\n\nbpsc/", "\nmore\n\nbpsc/", 1), proof.ErrPolicy},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := proof.ParseHistory([]byte(x.text))
			require.ErrorIs(t, err, x.want)
		})
	}
}
