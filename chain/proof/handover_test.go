package proof_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// members is the policy of some cosigners, a majority of them.
func members(t testing.TB, list ...proof.Cosigner) *proof.Policy {
	t.Helper()
	p, err := proof.NewPolicy(list, proof.Majority(len(list)), nil, 0)
	require.NoError(t, err)
	return p
}

// aHandover has the first cosigner's place taken by the fourth.
func aHandover(t testing.TB) proof.Handover {
	c := cosigners(t, 0, 4)
	return proof.Handover{Number: 2, Before: members(t, c[:3]...).Hash(), Policy: members(t, c[1:]...),
		Ends: []proof.End{{Token: "aka", ID: chain.Hash{1}, Size: 12}, {Token: "akb", ID: chain.Hash{2}, Size: 1}}}
}

func aRecovery(t testing.TB) proof.Handover {
	h := aHandover(t)
	h.Policy = members(t, cosigners(t, 2, 1)...)
	h.Recovery = &proof.Recovery{By: "Ada <ada@example.com>", Reason: "two disks\nare lost", Before: []string{"m0", "m1", "m2~0a"}, After: []string{"m2~0a"}}
	return h
}

const handoverText = `bpsc/handover/v1
number 2
before 141802b75a441c30e4d8c6370bdd9a536b41a54237d5450e99fc3a51d17dee47
end aka 0100000000000000000000000000000000000000000000000000000000000000 12
end akb 0200000000000000000000000000000000000000000000000000000000000000 1
witness m1 bpsc/test/m1+e931d7fb+BGt5xX5qCVI5KCwEgY6WES8/A6QAG6l6VkwjhSo/HqX8 -
witness m2 bpsc/test/m2+4d50f3b5+BNrb0YSi1Sbx691cBv2tk1myKHWbTX951maJ+iVKrYVG -
witness m3 bpsc/test/m3+d89c53c3+BJvjKHeVkHgJQH4UQ5/xmNW/x9zm+bx0PLNpFG9hC0gB -
group members 2 m1 m2 m3
quorum members
`

func TestTheTextOfAHandover(t *testing.T) {
	require.Equal(t, handoverText, string(aHandover(t).Body()))
	require.Contains(t, string(aRecovery(t).Body()), `
recovered-by "Ada <ada@example.com>"
reason "two disks\nare lost"
members-before m0 m1 m2~0a
members-after m2~0a
end aka `)
	for _, want := range []proof.Handover{aHandover(t), aRecovery(t)} {
		got, err := proof.ParseHandover(want.Body())
		require.NoError(t, err)
		require.Equal(t, string(want.Body()), string(got.Body()))
		require.Equal(t, want.Ends, got.Ends)
		require.Equal(t, want.Recovery, got.Recovery)
		require.Equal(t, want.Policy.String(), got.Policy.String())
		require.Equal(t, chain.HashBytes(want.Body()), got.Hash())
	}
}

// Two spellings of one policy are the same members; witnesses and chains are
// not the members' to choose.
func TestTheHashOfAPolicyIsOfItsMembers(t *testing.T) {
	c := cosigners(t, 0, 3)
	want := members(t, c...).Hash()
	require.Equal(t, want, members(t, c[2], c[0], c[1]).Hash())
	c[0].URL = "https://m0.example"
	full, err := proof.NewPolicy(c, 2, cosigners(t, 100, 2), 1, proof.Chain{Token: "aka", ID: chain.Hash{1}})
	require.NoError(t, err)
	require.Equal(t, want, full.Hash())
	require.Equal(t, want, full.Core().Hash())
	all, err := proof.NewPolicy(c, 3, nil, 0)
	require.NoError(t, err)
	require.NotEqual(t, want, all.Hash())
	require.NotEqual(t, want, members(t, c[0], c[1], cosigners(t, 3, 1)[0]).Hash())
}

func TestParseHandoverRefuses(t *testing.T) {
	good, recovery := string(aHandover(t).Body()), string(aRecovery(t).Body())
	replace := func(old, by string) string { return strings.Replace(good, old, by, 1) }
	spoil := func(old, by string) string { return strings.Replace(recovery, old, by, 1) }
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", proof.ErrEmpty},
		{"too much", good + strings.Repeat(" ", proof.MaxHandoverBytes), proof.ErrTooLarge},
		{"another text", "bpsc/aka/0123456789abcdef\n", proof.ErrHandover},
		{"a title of another version", replace("/v1", "/v2"), proof.ErrHandover},
		{"the title alone", "bpsc/handover/v1\n", proof.ErrHandover},
		{"number 1", replace("number 2", "number 1"), proof.ErrHandover},
		{"no number", replace("number 2", "number x"), proof.ErrHandover},
		{"a number in another spelling", replace("number 2", "number 02"), proof.ErrHandover},
		{"a hash that is too short", replace("before ", "before 0"), proof.ErrHandover},
		{"lines in another order", replace("number 2\nbefore", "before 2\nnumber"), proof.ErrHandover},
		{"a chain of no size", replace(" 12\n", " 0\n"), proof.ErrSize},
		{"a chain of another spelling", replace(" 12\n", " 012\n"), proof.ErrHandover},
		{"a chain beyond any log", replace(" 12\n", " 1099511627777\n"), proof.ErrSize},
		{"a chain twice", replace("end akb 02", "end aka 01"), proof.ErrHandover},
		{"chains out of order", replace("end aka", "end akz"), proof.ErrHandover},
		{"a chain with no id", replace("aka 01", "aka 00"), proof.ErrHandover},
		{"a chain with no name", replace("aka 01", "AKA 01"), proof.ErrHandover},
		{"more chains than a cluster has", replace("end aka", strings.Repeat("end aka "+chain.Hash{1}.String()+" 1\n", proof.MaxPolicyChains)+"end aka"), proof.ErrHandover},
		{"no policy", good[:strings.Index(good, "witness")], proof.ErrEmpty},
		{"a policy of a minority", replace("members 2 ", "members 1 "), proof.ErrPolicy},
		{"members out of order", replace("m1 m2 m3", "m1 m3 m2"), proof.ErrHandover},
		{"an address", replace(" -\n", " https://m1.example\n"), proof.ErrHandover},
		{"a comment", replace("group", "# group\ngroup"), proof.ErrHandover},
		{"a chain that is pinned", replace("witness", "log aka "+chain.Hash{1}.String()+"\nwitness"), proof.ErrHandover},
		{"carriage returns", strings.ReplaceAll(good, "\n", "\r\n"), proof.ErrHandover},
		{"trailing bytes", good + "more\n", proof.ErrPolicy},
		{"an empty line at the end", good + "\n", proof.ErrHandover},
		{"nobody who recovered", spoil(`"Ada <ada@example.com>"`, `""`), proof.ErrHandover},
		{"no reason", spoil("reason", "# reason"), proof.ErrHandover},
		{"a reason without quotes", spoil(`"two disks\nare lost"`, "lost"), proof.ErrHandover},
		{"a reason in another spelling", spoil("two", `\u0074wo`), proof.ErrHandover},
		{"a reason without end", spoil("two", strings.Repeat("two", proof.MaxRecoveryText)), proof.ErrHandover},
		{"nobody before", spoil("members-before m0 m1 m2~0a", "members-before "), proof.ErrHandover},
		{"somebody with a slash in the name", spoil("after m2", "after m/2"), proof.ErrHandover},
		{"members before out of order", spoil("m0 m1", "m1 m0"), proof.ErrHandover},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := proof.ParseHandover([]byte(c.text))
			require.ErrorIs(t, err, c.want)
			_, err = proof.Cosign([]byte(c.text), newKey(t, "m0", 1), unix)
			require.Error(t, err, "and nobody signs it")
		})
	}
}
