package proof_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	f_witness "github.com/transparency-dev/formats/witness"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// cosigners are numbered from first.
func cosigners(t testing.TB, first, n int) (list []proof.Cosigner) {
	for i := first; i < first+n; i++ {
		member := fmt.Sprintf("m%d", i)
		list = append(list, proof.Cosigner{Name: member, Key: newKey(t, member, byte(i+1)).Verifier()})
	}
	return list
}

func TestPolicyReadsBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n, w := rapid.IntRange(1, 7).Draw(r, "members"), rapid.IntRange(0, 4).Draw(r, "witnesses")
		quorum := 0
		if w > 0 {
			quorum = rapid.IntRange(1, w).Draw(r, "quorum")
		}
		members, witnesses := cosigners(t, 0, n), cosigners(t, 100, w)
		members[0].URL = rapid.SampledFrom([]string{"https://n1.example:8443/log?a=b", "https://n1.example/", "http://127.0.0.1:5000"}).Draw(r, "url")
		var chains []proof.Chain
		for i := range rapid.IntRange(0, 3).Draw(r, "chains") {
			chains = append(chains, proof.Chain{Token: fmt.Sprintf("t-%d", i), ID: chain.Hash{byte(i + 1)}})
		}
		majority := rapid.IntRange(proof.Majority(n), n).Draw(r, "majority")
		want, err := proof.NewPolicy(members, majority, witnesses, quorum, chains...)
		require.NoError(r, err)
		got, err := proof.ParsePolicy([]byte(want.String()))
		require.NoError(r, err)
		require.Equal(r, want.String(), got.String())
		require.Equal(r, members, got.Members())
		require.Equal(r, len(witnesses), len(got.Witnesses()))
		require.Equal(r, len(chains), len(got.Chains()))
		gotMembers, gotWitnesses := got.Required()
		require.Equal(r, []int{majority, quorum}, []int{gotMembers, gotWitnesses})

		// Others read the same file and want the same signatures.
		group, err := f_witness.ParsePolicy([]byte(want.String()))
		require.NoError(r, err)
		require.Len(r, group.Endpoints(), endpoints(got))
	})
}

// endpoints counts the addresses as the library does: joined to nothing, all
// those that are missing are one.
func endpoints(p *proof.Policy) int {
	seen := map[string]bool{}
	for _, c := range slices.Concat(p.Members(), p.Witnesses()) {
		u, _ := url.Parse(c.URL)
		seen[u.String()] = true
	}
	return len(seen)
}

// Whatever set of keys signs, the library's reading of our policy file and
// ours agree on whether that is enough.
func TestPolicyAgreesWithTheLibrary(t *testing.T) {
	w := newWorld(t, 2, nil)
	for i := range 2 {
		w.keys = append(w.keys, newKey(t, fmt.Sprintf("n%d", 5+i), byte(50+i)))
	}
	p, err := proof.NewPolicy([]proof.Cosigner{w.cosigner(0), w.cosigner(1), w.cosigner(2)}, 2, []proof.Cosigner{w.cosigner(3), w.cosigner(4)}, 1)
	require.NoError(t, err)
	group, err := f_witness.ParsePolicy([]byte(p.String()))
	require.NoError(t, err)
	for set := 1; set < 1<<len(w.keys); set++ {
		var keys []int
		for i := range w.keys {
			if set>>i&1 == 1 {
				keys = append(keys, i)
			}
		}
		note := w.sign(w.checkpoint(2), keys...)
		_, err := p.Verify(note, "")
		require.Equal(t, group.Satisfied(note), err == nil, "keys %v: %v", keys, err)
	}
}

func TestParsePolicyAccepts(t *testing.T) {
	w := newWorld(t, 1, nil)
	want := w.policy()
	text := want.String()
	for name, spelled := range map[string]string{
		"comments and blank lines": "# for auditors\n\n\t # of aka\n" + text + "  \n",
		"tabs and spaces":          strings.ReplaceAll(text, " ", "\t  "),
		"no newline at the end":    strings.TrimSuffix(text, "\n"),
		"no URLs":                  strings.ReplaceAll(text, " -\n", "\n"),
		"other letters in comment": "# für Prüfer\n" + text,
	} {
		got, err := proof.ParsePolicy([]byte(spelled))
		require.NoError(t, err, name)
		require.Equal(t, text, got.String(), name)
	}
	all, err := proof.ParsePolicy([]byte(strings.Replace(text, "members 2", "members all", 1)))
	require.NoError(t, err)
	members, _ := all.Required()
	require.Equal(t, 3, members)
}

func TestParsePolicyRefuses(t *testing.T) {
	w := newWorld(t, 1, nil)
	p, err := proof.NewPolicy([]proof.Cosigner{w.cosigner(0), w.cosigner(1), w.cosigner(2)}, 2, []proof.Cosigner{w.cosigner(3)}, 1, w.pin)
	require.NoError(t, err)
	good := p.String()
	line := func(i int) string { return strings.SplitAfter(good, "\n")[i] }
	swap := func(old, to string) string { return strings.Replace(good, old, to, 1) }
	sameKey, err := proof.NewVerifierKey("bpsc/other", w.keys[0].Verifier().Public())
	require.NoError(t, err)
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", proof.ErrEmpty},
		{"too much", strings.Repeat("#", proof.MaxPolicyBytes+1), proof.ErrTooLarge},
		{"comments alone", "# nothing\n", proof.ErrPolicy},
		{"no quorum", swap("quorum both\n", ""), proof.ErrPolicy},
		{"a quorum that leaves the witnesses out", swap("quorum both", "quorum members"), proof.ErrPolicy},
		{"a quorum of one", swap("quorum both", "quorum n1"), proof.ErrPolicy},
		{"quorum none", swap("quorum both", "quorum none"), proof.ErrPolicy},
		{"two quorums", good + "quorum both\n", proof.ErrPolicy},
		{"a line after the quorum", good + line(0), proof.ErrPolicy},
		{"one of three members", swap("members 2", "members 1"), proof.ErrPolicy},
		{"any of three members", swap("members 2", "members any"), proof.ErrPolicy},
		{"none of three members", swap("members 2", "members 0"), proof.ErrPolicy},
		{"four of three members", swap("members 2", "members 4"), proof.ErrPolicy},
		{"a count in another spelling", swap("members 2", "members 02"), proof.ErrPolicy},
		{"a negative count", swap("members 2", "members -2"), proof.ErrPolicy},
		{"no witness needed", swap("witnesses 1", "witnesses 0"), proof.ErrPolicy},
		{"either group", swap("both all", "both any"), proof.ErrPolicy},
		{"the groups the other way round", swap("all members witnesses", "all witnesses members"), proof.ErrPolicy},
		{"a group of another name", swap("group witnesses", "group friends"), proof.ErrPolicy},
		{"a group twice", swap("group members 2 n1 n2 n3\n", "group members 2 n1 n2 n3\ngroup members 2 n1 n2 n3\n"), proof.ErrPolicy},
		{"a member counted twice", swap("n1 n2 n3", "n1 n1 n3"), proof.ErrPolicy},
		{"a member in both groups", swap("witnesses 1 n4", "witnesses 1 n3"), proof.ErrPolicy},
		{"a stranger in a group", swap("n1 n2 n3", "n1 n2 n9"), proof.ErrPolicy},
		{"somebody in no group", swap("n1 n2 n3", "n1 n2"), proof.ErrPolicy},
		{"a group of many", "group members 2" + strings.Repeat(" n1", proof.MaxCosigners+1) + "\n" + good, proof.ErrPolicy},
		{"a name twice", line(4) + good, proof.ErrPolicy},
		{"one key under two names", swap(line(5), "witness n2 "+sameKey.String()+" -\n"), proof.ErrPolicy},
		{"a key of another kind", swap("+B", "+C"), proof.ErrPolicy},
		{"a log key as a witness", swap(w.keys[0].Verifier().String(), w.keys[0].Verifier().Log("bpsc/test/n1")), proof.ErrPolicy},
		{"a keyword as a name", strings.ReplaceAll(good, "n1 ", "any "), proof.ErrPolicy},
		{"a name with a slash", strings.ReplaceAll(good, " n1 ", " a/b "), proof.ErrPolicy},
		{"an address that is none", swap(" -\n", " mailto:x\n"), proof.ErrPolicy},
		{"a comment behind a line", swap(" -\n", " - # ours\n"), proof.ErrPolicy},
		{"five fields", swap(" -\n", " - -\n"), proof.ErrPolicy},
		{"another keyword", swap("\nlog ", "\nlogs "), proof.ErrPolicy},
		{"a chain without its id", swap(" "+w.pin.ID.String(), ""), proof.ErrPolicy},
		{"a chain with half an id", swap(w.pin.ID.String(), w.pin.ID.String()[:16]), proof.ErrPolicy},
		{"a chain with another token", swap("chain aka", "chain AKA"), proof.ErrPolicy},
		{"a chain that is not that of the log keys", swap(w.pin.ID.String(), chain.Hash{1}.String()), proof.ErrPolicy},
		{"log keys and no chain", swap(line(0), ""), proof.ErrPolicy},
		{"log keys and two chains", "# chain gold " + w.pin.ID.String() + "\n" + good, proof.ErrPolicy},
		{"log keys and a chain without", "log gold " + w.pin.ID.String() + "\n" + good, proof.ErrPolicy},
		{"no log keys", line(0) + good[strings.Index(good, "witness n1"):], proof.ErrPolicy},
		{"a member without its log key", swap(line(1), ""), proof.ErrPolicy},
		{"a log key twice", line(1) + good, proof.ErrPolicy},
		{"a stranger's log key", swap(line(1), "log "+w.keys[3].Verifier().Log(proof.Origin(w.pin.Token, w.pin.ID))+"\n"), proof.ErrPolicy},
		{"a log key and three fields", swap("\nlog ", "\nlog x y "), proof.ErrPolicy},
		{"a chain twice", line(0) + good, proof.ErrPolicy},
		{"carriage returns", strings.ReplaceAll(good, "\n", "\r\n"), proof.ErrPolicy},
		{"a NUL", good + "\x00", proof.ErrPolicy},
		{"another space", swap("witness n1", "witness\u00a0n1"), proof.ErrPolicy},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NotEqual(t, good, c.text)
			_, err := proof.ParsePolicy([]byte(c.text))
			require.ErrorIs(t, err, c.want)
		})
	}
	_, err = proof.ParsePolicy([]byte(swap(" -\n", " # ours\n")))
	require.ErrorContains(t, err, "line 5: a comment has a line of its own")
}

func TestNewPolicyRefuses(t *testing.T) {
	for _, c := range []struct {
		name              string
		members, majority int
		witnesses, quorum int
		chains            int
		spoil             func(*proof.Cosigner)
		more              []proof.Chain
	}{
		{name: "no members", majority: 1},
		{name: "more members than it can", members: proof.MaxCosigners + 1, majority: proof.MaxCosigners},
		{name: "more witnesses than it can", members: 1, majority: 1, witnesses: proof.MaxCosigners + 1, quorum: 1},
		{name: "half of the members", members: 4, majority: 2},
		{name: "more than all members", members: 3, majority: 4},
		{name: "a quorum without witnesses", members: 3, majority: 2, quorum: 1},
		{name: "witnesses without a quorum", members: 3, majority: 2, witnesses: 1},
		{name: "a negative quorum", members: 3, majority: 2, witnesses: 1, quorum: -1},
		{name: "more chains than it can", members: 1, majority: 1, chains: proof.MaxPolicyChains + 1},
		{name: "a quorum of more than there are", members: 3, majority: 2, witnesses: 1, quorum: 2},
		{name: "a chain without a token", members: 1, majority: 1, more: []proof.Chain{{ID: chain.Hash{1}}}},
		{name: "a chain without an id", members: 1, majority: 1, more: []proof.Chain{{Token: "aka"}}},
		{name: "a chain twice", members: 1, majority: 1, chains: 1, more: []proof.Chain{{Token: "aka", ID: chain.Hash{1}}}},
		{name: "a member without a key", members: 3, majority: 2, spoil: func(c *proof.Cosigner) { c.Key = proof.VerifierKey{} }},
		{name: "a member without a name", members: 3, majority: 2, spoil: func(c *proof.Cosigner) { c.Name = "" }},
		{name: "two keys under one name", members: 3, majority: 2, spoil: func(c *proof.Cosigner) { c.Key = newKey(t, "m0", 99).Verifier() }},
		{name: "one key under two names", members: 3, majority: 2, spoil: func(c *proof.Cosigner) { c.Key = newKey(t, "other", 1).Verifier() }},
		{name: "an address with a space", members: 3, majority: 2, spoil: func(c *proof.Cosigner) { c.URL = "https://a/ b" }},
		{name: "an address with a fragment", members: 3, majority: 2, spoil: func(c *proof.Cosigner) { c.URL = "https://a/#b" }},
		{name: "an address that is none", members: 3, majority: 2, spoil: func(c *proof.Cosigner) { c.URL = "https://a:b/" }},
		{name: "an address of another kind", members: 3, majority: 2, spoil: func(c *proof.Cosigner) { c.URL = "ftp://a/" }},
		{name: "an address without a host", members: 3, majority: 2, spoil: func(c *proof.Cosigner) { c.URL = "https:///a" }},
		{name: "an address in another spelling", members: 3, majority: 2, spoil: func(c *proof.Cosigner) { c.URL = "HTTPS://a/" }},
		{name: "an address too long for a line", members: 3, majority: 2, spoil: func(c *proof.Cosigner) { c.URL = "https://a/" + strings.Repeat("b", 1015) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			members := cosigners(t, 0, c.members)
			if c.spoil != nil {
				c.spoil(&members[1])
			}
			var chains []proof.Chain
			for i := range c.chains {
				chains = append(chains, proof.Chain{Token: "aka", ID: chain.Hash{1, byte(i), byte(i >> 8)}})
			}
			chains = append(chains, c.more...)
			p, err := proof.NewPolicy(members, c.majority, cosigners(t, 100, c.witnesses), c.quorum, chains...)
			require.ErrorIs(t, err, proof.ErrPolicy)
			require.Nil(t, p)
		})
	}
}

// What is as large as a policy may be is one.
func TestTheLargestPolicyIsOne(t *testing.T) {
	members := cosigners(t, 0, proof.MaxCosigners)
	members[0].URL = "http://a/" + strings.Repeat("b", 1015)
	var chains []proof.Chain
	for i := range proof.MaxPolicyChains {
		chains = append(chains, proof.Chain{Token: "aka", ID: chain.Hash{1, byte(i), byte(i >> 8)}})
	}
	p, err := proof.NewPolicy(members, len(members), cosigners(t, 100, proof.MaxCosigners), proof.MaxCosigners, chains...)
	require.NoError(t, err)
	again, err := proof.ParsePolicy([]byte(p.String()))
	require.NoError(t, err)
	require.Equal(t, p.String(), again.String())
}

func TestMajority(t *testing.T) {
	for n, want := range map[int]int{1: 1, 2: 2, 3: 2, 4: 3, 5: 3} {
		require.Equal(t, want, proof.Majority(n))
	}
}

// A policy is trusted as it is, so a changed byte may make it another one, but
// never one with fewer signatures, or one that takes a forged receipt.
func TestEveryByteOfAPolicyCounts(t *testing.T) {
	w := newWorld(t, 3, nil)
	good := w.policy().String()
	receipt, forged := w.receipt(3, 1), w.receipt(3, 1)
	forged.Checkpoint = w.sign(w.checkpoint(3), 0, 3)
	want, err := receipt.Verify(w.policy())
	require.NoError(t, err)
	for i := range good {
		for _, to := range []byte{good[i] ^ 1, good[i] ^ 0x20, '#', ' ', '\n', '1'} {
			changed := []byte(good)
			changed[i] = to
			p, err := proof.ParsePolicy(changed)
			if err != nil {
				continue
			}
			_, err = forged.Verify(p)
			require.Error(t, err, "byte %d", i)
			if got, err := receipt.Verify(p); err == nil {
				require.Equal(t, want.Record, got.Record)
				require.Len(t, got.Members, len(want.Members))
				require.Equal(t, 3, got.MembersInPolicy)
			}
		}
	}
}
