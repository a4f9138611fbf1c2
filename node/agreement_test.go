package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/chain"
)

// Who is with the most agrees, and of two who contradict each other neither does.
func TestCompareAttested(t *testing.T) {
	told := func(member string, size uint64, digest byte) chain.Attestation {
		return chain.Attestation{Member: member, Size: size, Digest: chain.Hash{digest}}
	}
	for name, tc := range map[string]struct {
		said []chain.Attestation
		want map[string]compared
	}{
		"nobody": {nil, map[string]compared{}},
		"all agree, one is behind": {
			[]chain.Attestation{told("n1", 7, 1), told("n2", 7, 1), told("n3", 7, 1), told("n1", 9, 2), told("n2", 9, 2)},
			map[string]compared{"n1": {true, false, 9}, "n2": {true, false, 9}, "n3": {true, false, 7}},
		},
		"one is alone": {
			[]chain.Attestation{told("n1", 9, 2)},
			map[string]compared{"n1": {false, false, 0}},
		},
		"one differs": {
			[]chain.Attestation{told("n1", 9, 1), told("n2", 9, 2), told("n3", 9, 1)},
			map[string]compared{"n1": {true, false, 9}, "n2": {true, true, 0}, "n3": {true, false, 9}},
		},
		"two contradict each other": {
			[]chain.Attestation{told("n1", 9, 1), told("n2", 9, 2)},
			map[string]compared{"n1": {true, true, 0}, "n2": {true, true, 0}},
		},
		"a witness has no state": {
			[]chain.Attestation{told("n1", 9, 1), told(chain.WitnessID("w"), 9, 0)},
			map[string]compared{"n1": {false, false, 0}},
		},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, compareAttested(tc.said)) })
	}
}

// However many ask at a time, the store is read once.
func TestAgreementsAreMadeOnceInAWhile(t *testing.T) {
	made := 0
	a := agreements{compare: func() map[string]*api.Agreement {
		made++
		return map[string]*api.Agreement{"n1": {Chains: made}}
	}}
	start := time.Unix(1_800_000_000, 0)
	for range 100 {
		require.Equal(t, 1, a.of(start)["n1"].Chains)
	}
	require.Equal(t, 1, a.of(start.Add(agreementsAge - 1))["n1"].Chains)
	require.Equal(t, 2, a.of(start.Add(agreementsAge))["n1"].Chains)
	require.Equal(t, 2, made)
}
