package store

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store/blocks"
)

// folded is the digest that changes come to, each list in an entry of its own.
func folded(t *testing.T, level release.Level, entries ...[]string) (digest chain.Hash) {
	s := openTest(t, t.TempDir(), 0)
	defer func() { require.NoError(t, s.Close()) }()
	addBlock(t, s, 1)
	for i, changes := range entries {
		require.NoError(t, s.Update(s.AppliedIndex()+1, func(tx *Tx) error {
			if i == 0 {
				tx.SetLevel(release.For(level))
			}
			for _, c := range changes {
				tx.Fold(tx.Head("aka"), []byte(c))
			}
			return nil
		}))
	}
	return s.heads[0].Digest
}

func TestADigestIsOfEachChangeAndTheirOrder(t *testing.T) {
	for level := release.First; level <= release.Newest; level++ {
		long := make([]string, 2*foldBytes/8) // more than are gathered
		for i := range long {
			long[i] = fmt.Sprint("change ", i)
		}
		was := map[chain.Hash]string{{}: "nothing"}
		for name, entries := range map[string][][]string{
			"ab, c": {{"ab", "c"}}, "a, bc": {{"a", "bc"}}, "c, ab": {{"c", "ab"}}, "abc": {{"abc"}}, "ab, c, nothing": {{"ab", "c", ""}},
			"many": {long}, "one less": {long[1:]}, "one more": {append(long[:len(long):len(long)], "x")},
		} {
			d := folded(t, level, entries...)
			require.Equal(t, d, folded(t, level, entries...), name)
			require.Empty(t, was[d], "%s and %s on level %d", was[d], name, level)
			was[d] = name
		}
	}
}

// What 0.1.0 makes of changes, and what releases from release.Access on do: members of
// all of them have to agree.
func TestDigestsThatStay(t *testing.T) {
	old := sha256.Sum256(append(make([]byte, sha256.Size), "ab"...))
	old = sha256.Sum256(append(old[:], 'c'))
	require.EqualValues(t, old, folded(t, release.First, []string{"ab", "c"}))
	require.EqualValues(t, old, folded(t, release.First, []string{"ab"}, []string{"c"}))

	one := sha256.Sum256(append(make([]byte, sha256.Size), "\x02ab\x01c"...))
	require.EqualValues(t, one, folded(t, release.Access, []string{"ab", "c"}))
	two := sha256.Sum256(append(make([]byte, sha256.Size), "\x02ab"...))
	two = sha256.Sum256(append(two[:], "\x01c"...))
	require.EqualValues(t, two, folded(t, release.Access, []string{"ab"}, []string{"c"}))
}

// A block has the digest of what was changed before it, in its own entry, too.
func TestABlockEndsTheChangesBeforeIt(t *testing.T) {
	s := openTest(t, t.TempDir(), 0)
	defer func() { require.NoError(t, s.Close()) }()
	addBlock(t, s, 1)
	var at, after chain.Hash
	require.NoError(t, s.Update(s.AppliedIndex()+1, func(tx *Tx) error {
		tx.SetLevel(release.For(release.Access))
		h := tx.Head("aka")
		tx.Fold(h, []byte("before"))
		h.Index++
		tx.AddBlock(h, chain.Hash{}, &blocks.Block{Canonical: []byte("x")})
		at = h.Digest
		tx.Fold(h, []byte("behind"))
		return nil
	}))
	after = s.heads[0].Digest
	require.NotEqual(t, at, after)
	got, err := s.Digest("aka", 2)
	require.NoError(t, err)
	require.Equal(t, at, got)
	want := sha256.Sum256(append(make([]byte, sha256.Size), "\x06before"...))
	require.EqualValues(t, want, at)
}
