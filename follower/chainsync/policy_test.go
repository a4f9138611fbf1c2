package chainsync

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

func TestEachChainHasOnePolicyAtMost(t *testing.T) {
	m := newMembers(t)
	aka, oka := proof.Chain{Token: "aka", ID: chain.Hash{1}}, proof.Chain{Token: "oka", ID: chain.Hash{2}}
	other := proof.Chain{Token: "aka", ID: chain.Hash{3}}
	for _, tc := range []struct {
		name     string
		policies []*proof.History
		pin      chain.Hash
		says     string // "": it is fine
	}{
		{"none", nil, chain.Hash{}, ""},
		{"for any chain", given(m.policy()), chain.Hash{9}, ""},
		{"one for each and one for the rest", given(m.policy(aka), m.policyOf(1, oka), m.policyOf(2)), chain.Hash{1}, ""},
		{"two chains of one token", given(m.policy(aka, other)), chain.Hash{3}, ""},
		{"two for any chain", given(m.policy(), m.policyOf(1)), chain.Hash{}, "name no chain"},
		{"two for a token", given(m.policy(aka), m.policyOf(1, other)), chain.Hash{}, `name contract "aka"`},
		{"another chain than the pin", given(m.policy(aka)), chain.Hash{9}, "another chain than the pin"},
		{"nil", []*proof.History{nil}, chain.Hash{}, "nil"},
		{"too many", make([]*proof.History, maxPolicies+1), chain.Hash{}, "more than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := testConfig("dir", Source{Token: "aka", Upstreams: []string{"http://a"}})
			cfg.Policies = tc.policies
			if !tc.pin.IsZero() {
				cfg.Pins = map[string]chain.Hash{"aka": tc.pin}
			}
			if tc.says != "" {
				require.ErrorContains(t, cfg.Validate(), tc.says)
				return
			}
			require.NoError(t, cfg.Validate())
		})
	}
	cfg := Config{Policies: given(m.policy(aka), m.policyOf(1), m.policyOf(2, oka))}
	require.Same(t, cfg.Policies[0], cfg.policy("aka"))
	require.Same(t, cfg.Policies[2], cfg.policy("oka"))
	require.Same(t, cfg.Policies[1], cfg.policy("eka"))
	require.Equal(t, aka.ID, cfg.pin("aka"))
	require.Zero(t, cfg.pin("eka"))
	cfg = Config{Policies: given(m.policy(aka, other))}
	require.Nil(t, cfg.policy("oka"))
	require.Zero(t, cfg.pin("aka"), "either will do")
	cfg.Pins = map[string]chain.Hash{"aka": other.ID}
	require.Equal(t, other.ID, cfg.pin("aka"))
}

// Where it is said whom to believe, nobody else is.
func TestExplicitTrustIsComplete(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 3)
	c.create("gold", 3)
	aka, gold := named("aka", c.blocks("aka")), named("gold", c.blocks("gold"))
	up := serve(t, c, "aka", "gold").believe(m.policy(aka, gold))
	for name, tc := range map[string]struct {
		change   func(*Config)
		followed []string
	}{
		"nothing is given":       {func(*Config) {}, []string{"aka", "gold"}},
		"a policy names one":     {func(c *Config) { c.Policies = given(m.policy(aka)) }, []string{"aka"}},
		"a policy names both":    {func(c *Config) { c.Policies = given(m.policy(aka, gold)) }, []string{"aka", "gold"}},
		"a policy for any chain": {func(c *Config) { c.Policies = given(m.policy()) }, []string{"aka", "gold"}},
		"one is pinned":          {func(c *Config) { c.Pins = map[string]chain.Hash{"gold": gold.ID} }, []string{"gold"}},
		"a pin beside a policy": {func(c *Config) {
			c.Policies, c.Pins = given(m.policy(aka)), map[string]chain.Hash{"gold": gold.ID}
		}, []string{"aka"}},
		"the other may be believed":    {func(c *Config) { c.Policies, c.FirstUse = given(m.policy(aka)), []string{"gold"} }, []string{"aka", "gold"}},
		"a third one may be believed":  {func(c *Config) { c.Policies, c.FirstUse = given(m.policy(aka)), []string{"tin"} }, []string{"aka"}},
		"it was followed before":       {func(c *Config) { c.Policies = given(m.policy(aka)) }, []string{"aka"}},
		"a pin, and the other allowed": {func(c *Config) { c.Pins, c.FirstUse = map[string]chain.Hash{"aka": aka.ID}, []string{"gold"} }, []string{"aka", "gold"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cfg := testConfig(dir, Source{Upstreams: []string{up.URL}})
			if name == "it was followed before" {
				before := startNodeWith(t, dir, cfg, nil)
				before.has("gold", c.blocks("gold"))
				before.end()
				require.NoError(t, before.store.Close())
			}
			tc.change(&cfg)
			n := startNodeWith(t, dir, cfg, nil)
			n.until("ready", n.Ready)
			var followed []string
			for _, s := range n.Status() {
				followed = append(followed, s.Token)
			}
			require.Equal(t, tc.followed, followed)
			for _, token := range []string{"aka", "gold"} {
				require.Equal(t, slices.Contains(tc.followed, token), n.Follows(token))
				if !n.Follows(token) {
					_, err := n.Policy(token)
					require.ErrorIs(t, err, chain.ContractUnknown)
				}
			}
		})
	}

	cfg := testConfig(t.TempDir(), Source{Token: "gold", Upstreams: []string{up.URL}})
	cfg.Policies = given(m.policy(aka))
	require.ErrorContains(t, cfg.Validate(), `"gold"`)
	cfg.FirstUse = []string{"gold"}
	require.NoError(t, cfg.Validate())
}

// The chain that a policy names is the only one.
func TestAPolicyPinsItsChain(t *testing.T) {
	c, other, m := newCluster(t), newCluster(t), newMembers(t)
	c.create("aka", 5)
	other.now++
	other.create("aka", 8)
	wrong, right := serve(t, other, "aka"), serve(t, c, "aka")
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{wrong.URL, right.URL}})
	cfg.Policies = given(m.policy(named("aka", c.blocks("aka"))))
	n := startNodeWith(t, dir, cfg, nil)
	n.has("aka", c.blocks("aka"))
	n.awaitRefusal("aka", OtherChain)
}

// A policy that is given without a chain is shown as the one of each chain.
func TestAGivenPolicyIsShownWithTheChain(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 5)
	up := serve(t, c, "aka").believe(m.policyOf(1, named("aka", c.blocks("aka"))))
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	cfg.Policies = given(m.policy())
	n := startNodeWith(t, dir, cfg, nil)
	n.has("aka", c.blocks("aka"))
	text, err := n.Policy("aka")
	require.NoError(t, err)
	require.Equal(t, m.policy(named("aka", c.blocks("aka"))).String(), string(text))
	note := m.sign(c.blocks("aka"), 0, 1)
	up.show("aka", note)
	n.awaitNote("aka", note)
	require.Zero(t, up.count("/v1/policy"), "nobody else is asked")
	require.NoFileExists(t, filepath.Join(cfg.PolicyDir, "aka.policy"))
}

// The first policy that an upstream shows is kept, whatever it shows later.
func TestThePolicyOfTheFirstUseIsNeverReplaced(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 5)
	blocks := c.blocks("aka")
	chains := named("aka", blocks)
	none, first := serve(t, c, "aka"), serve(t, c, "aka").believe(m.policy(chains))
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{none.URL, first.URL}})
	n := startNodeWith(t, dir, cfg, nil)
	n.until("a policy", func() error { _, err := n.Policy("aka"); return err })
	file := filepath.Join(cfg.PolicyDir, "aka.policy")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, m.policy(chains).String(), string(text))
	n.end()
	require.NoError(t, n.store.Close())

	// n2, n3 and a stranger are a majority of another policy.
	strange := m.sign(blocks, 1, 3)
	none.believe(m.policyOf(1, chains)).show("aka", strange)
	first.believe(m.policyOf(1, chains)).show("aka", strange)
	n = startNodeWith(t, dir, cfg, nil)
	n.awaitRefusal("aka", CheckpointRefused)
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, text, after)
	_, err = n.Checkpoint("aka")
	require.ErrorIs(t, err, chain.NotFound)
	good := m.sign(blocks, 0, 1)
	first.show("aka", good)
	n.awaitNote("aka", good)
	require.Empty(t, n.evidenceFiles())
}

func TestAPolicyThatCannotBeIsNotPinned(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 5)
	blocks := c.blocks("aka")
	for name, text := range map[string]string{
		"no policy":     "quorum none\n",
		"of no chain":   m.policy().String(),
		"another chain": m.policy(proof.Chain{Token: "aka", ID: chain.Hash{7}}).String(),
		"another token": m.policy(proof.Chain{Token: "oka", ID: chain.HashBytes(blocks[0])}).String(),
	} {
		t.Run(name, func(t *testing.T) {
			bad, good := serve(t, c, "aka"), serve(t, c, "aka")
			bad.policy = []byte(text)
			good.believe(m.policyOf(2, named("aka", blocks)))
			n := startNode(t, Source{Token: "aka", Upstreams: []string{bad.URL, good.URL}})
			n.until("a policy", func() error { _, err := n.Policy("aka"); return err })
			shown, err := n.Policy("aka")
			require.NoError(t, err)
			require.Equal(t, string(good.policy), string(shown))
			require.EqualValues(t, 1, n.Status()[0].Refusals[CheckpointRefused])
			n.has("aka", blocks)
			n.until("ready", n.Ready)
		})
	}
}

// Without a folder nobody is believed, and the chain is followed all the same.
func TestWithoutAFolderNoPolicyIsAskedFor(t *testing.T) {
	c, m := newCluster(t), newMembers(t)
	c.create("aka", 5)
	up := serve(t, c, "aka").believe(m.policy(named("aka", c.blocks("aka")))).show("aka", m.sign(c.blocks("aka"), 0, 1))
	dir := t.TempDir()
	cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{up.URL}})
	cfg.PolicyDir = ""
	n := startNodeWith(t, dir, cfg, nil)
	n.has("aka", c.blocks("aka"))
	n.until("ready", n.Ready)
	require.NoError(t, n.end())
	require.Zero(t, up.count("/v1/policy"))
	require.Equal(t, NoPolicy, n.Status()[0].Policy)
	_, err := n.Policy("aka")
	require.ErrorIs(t, err, chain.NotFound)
}

func TestADamagedPolicyIsNotBelieved(t *testing.T) {
	cfg := testConfig(t.TempDir(), Source{Token: "aka", Upstreams: []string{"http://a"}})
	require.NoError(t, os.MkdirAll(cfg.PolicyDir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(cfg.PolicyDir, "aka.policy"), []byte("quorum none\n"), 0o600))
	_, err := New(cfg, &memory{})
	require.ErrorIs(t, err, proof.ErrPolicy)
}
