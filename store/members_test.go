package store

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
)

var (
	founder = Member{URL: "http://n1", Key: "k1", Since: 1, Voter: true}
	joiner  = Member{Since: 7}
	gone    = Member{URL: "http://n3", Key: "k3", Since: 1, Removed: true}
)

// populate gives a store members of all sorts and two policies.
func populate(t *testing.T, s *Store, index uint64) (policies []*Policy) {
	t.Helper()
	policies = []*Policy{
		{Number: 1, Members: []Signer{{"n1", "k1"}, {"n3", "k3"}}},
		{Number: 2, Index: 7, Members: []Signer{{"n1", "k1"}}, Ends: []uint64{1}, Endorsed: []Endorsement{{"n1", "— n1"}},
			Recovery: &Recovery{By: "ops", Reason: "fire", Time: 9, Before: []string{"n1", "n3"}, After: []string{"n1"}}},
	}
	require.NoError(t, s.Update(index, func(tx *Tx) error {
		tx.SetMember("n1", founder)
		tx.SetMember("n2~ab", joiner)
		tx.SetMember("n3", gone)
		tx.SetConfigured(7)
		for _, p := range policies {
			tx.SetPolicy(p)
		}
		return nil
	}))
	return policies
}

func requirePopulated(t *testing.T, s *Store, policies []*Policy) {
	t.Helper()
	require.Equal(t, map[string]Member{"n1": founder, "n2~ab": joiner, "n3": gone}, s.Members())
	require.Equal(t, []string{"n1"}, s.Voters())
	require.True(t, s.Removed("n3"))
	require.True(t, s.Departed("n3"))
	require.False(t, s.Departed("n1"))
	require.False(t, s.Departed("n9"), "nobody knows it: perhaps it was added")
	require.False(t, s.Removed("n1"))
	require.False(t, s.KeyKnown("n2~ab"))
	require.True(t, s.KeyKnown("n1"))
	got, _ := s.Policies()
	require.Equal(t, policies, got)
	require.NoError(t, s.Update(s.AppliedIndex()+1, func(tx *Tx) error {
		require.Equal(t, uint64(7), tx.Configured())
		return nil
	}))
}

func TestMembersAndPoliciesOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 0)
	addBlock(t, s, 1)
	policies := populate(t, s, 2)
	require.NoError(t, s.Snapshot(t.Context(), filepath.Join(dir, "taken")))
	require.NoError(t, s.Close())
	s = openTest(t, dir, 0)
	requirePopulated(t, s, policies)

	other := openTest(t, t.TempDir(), 0)
	_, more := other.Policies()
	require.NoError(t, other.Restore(filepath.Join(dir, "taken")))
	<-more
	requirePopulated(t, other, policies)
	require.NoError(t, other.Close())
	require.NoError(t, s.Close())
}

func TestAPolicyJudgesWhatComesAfterTheOneBefore(t *testing.T) {
	s := openTest(t, t.TempDir(), 0)
	addBlock(t, s, 1)
	judges := func(size uint64) int {
		t.Helper()
		p, err := s.Judge("aka", size)
		require.NoError(t, err)
		if p == nil {
			return 0
		}
		return p.Number
	}
	require.Zero(t, judges(1), "there is none yet")
	policies, more := s.Policies()
	require.Empty(t, policies)
	require.NoError(t, s.Update(2, func(tx *Tx) error {
		tx.SetPolicy(&Policy{Number: 1, Members: []Signer{{"n1", "k1"}}})
		tx.SetPolicy(&Policy{Number: 2, Ends: []uint64{5}})
		tx.SetPolicy(&Policy{Number: 3, Ends: []uint64{5}})
		tx.SetPolicy(&Policy{Number: 4, Ends: []uint64{9}})
		return nil
	}))
	<-more
	for size, number := range map[uint64]int{1: 1, 5: 1, 6: 3, 9: 3, 10: 4} {
		require.Equal(t, number, judges(size), size)
	}
	require.Zero(t, (&Policy{Ends: []uint64{5}}).End(1), "a chain that came later")
	_, err := s.Judge("no", 1)
	require.ErrorIs(t, err, chain.ContractUnknown)
	require.NoError(t, s.Close())
}

// A folder of format 5 has members in its row meta, and nothing else of them.
func TestMembersOfTheFirstFormatAreTaken(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 0)
	addBlock(t, s, 1)
	require.NoError(t, s.Close())
	old := func() {
		db, err := pebble.Open(filepath.Join(dir, s.dbName), &pebble.Options{FormatMajorVersion: s.db.FormatMajorVersion()})
		require.NoError(t, err)
		row, err := json.Marshal(map[string]any{"Format": 5, "Applied": 1, "Members": map[string]any{"n1": map[string]string{"URL": "http://n1", "Key": "k1"}}})
		require.NoError(t, err)
		require.NoError(t, db.Set([]byte(metaKey), row, pebble.Sync))
		require.NoError(t, db.Close())
	}
	old()
	want := map[string]Member{"n1": {URL: "http://n1", Key: "k1"}}
	s = openTest(t, dir, 0)
	require.Equal(t, want, s.Members())
	require.NoError(t, s.Abandon()) // the process dies before anything is written
	s = openTest(t, dir, 0)
	require.Equal(t, want, s.Members())
	require.NoError(t, s.Amend(func(tx *Tx) error { tx.SetConfigured(1); return nil }))
	require.Equal(t, uint64(1), s.AppliedIndex())
	require.NoError(t, s.Close())
	s = openTest(t, dir, 0)
	require.Equal(t, want, s.Members())
	row, err := engine.Get(s.db, []byte(metaKey))
	require.NoError(t, err)
	require.Contains(t, string(row), `"Format":6`)
	require.NotContains(t, string(row), "Members")
	require.NoError(t, s.Close())
}
