package attest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// Whatever the rest of a member comes to, its journal lets it sign one history: sizes that
// do not go back, and one root and one chain for each.
func TestTheJournalTakesNoOtherHistory(t *testing.T) {
	dir := t.TempDir()
	open := func() *journal {
		j, err := openJournal(&groups{parent: dir, shared: yes}, tokenOf(1))
		require.NoError(t, err)
		return j
	}
	first := signedOf(1, 7)
	require.NoError(t, open().write(first))
	for name, change := range map[string]func(*signed){
		"another root":  func(s *signed) { s.Root = chain.DeriveID([]byte("other")) },
		"another chain": func(s *signed) { s.ChainID = chain.DeriveID([]byte("other")); s.Size++ },
		"fewer blocks":  func(s *signed) { s.Size-- },
	} {
		other := first
		change(&other)
		j := open() // as after a restart
		require.ErrorIs(t, j.write(other), ErrWouldContradict, name)
		require.NoError(t, j.write(first), "%s: the same once more contradicts nothing", name)
		require.Equal(t, first, open().last, name)
	}
	next := signedOf(1, 8)
	require.NoError(t, open().write(next))
	require.Equal(t, next, open().last)
}
