package store

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
)

// leafOf is the leaf that addBlock gives block index.
func leafOf(index uint64) tlog.Hash { return tlog.Hash{byte(index)} }

// reference is the log of headers of a chain of that size, as the library
// builds it.
func reference(t require.TestingT, size uint64) tlog.HashReader {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for i := range size {
		more, err := tlog.StoredHashesForRecordHash(int64(i), leafOf(i+1), reader)
		require.NoError(t, err)
		stored = append(stored, more...)
	}
	return reader
}

func TestTheLogOfHeadersIsTheLibrarysOverAnyCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	rapid.Check(t, func(r *rapid.T) {
		cfg := Config{Dir: "store", LayerBytes: 2 << 10, FilterBytes: testFilter, FS: vfs.NewMem()}
		s, err := Open(cfg)
		require.NoError(r, err)
		blocks := rapid.Uint64Range(1, 150).Draw(r, "blocks")
		for s.AppliedIndex() < blocks {
			addBlock(t, s, s.AppliedIndex()+1)
			switch rapid.IntRange(0, 150).Draw(r, "fate") {
			case 0:
				require.NoError(r, s.Abandon())
			case 1:
				require.NoError(r, s.Close())
			default:
				continue
			}
			s, err = Open(cfg)
			require.NoError(r, err)
		}
		size := rapid.Int64Range(1, int64(blocks)).Draw(r, "size")
		want, err := tlog.TreeHash(size, reference(r, blocks))
		require.NoError(r, err)
		got, err := tlog.TreeHash(size, s.LogHashes("aka"))
		require.NoError(r, err)
		require.Equal(r, want, got)
		require.NoError(r, s.Close())
	})
}

func TestANodeThatIsNotThereIsNotFound(t *testing.T) {
	s := openTest(t, t.TempDir(), 0)
	defer func() { require.NoError(t, s.Close()) }()
	addBlock(t, s, 1)
	_, err := s.LogHashes("aka").ReadHashes([]int64{tlog.StoredHashIndex(0, 1)})
	require.ErrorIs(t, err, chain.NotFound)
	_, err = s.LogHashes("points").ReadHashes([]int64{0})
	require.ErrorIs(t, err, chain.ContractUnknown)
}

func TestWhatMembersSaidIsKeptAndWakesWhoWaits(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 0)
	addBlock(t, s, 1)
	said, more, err := s.Attestations("aka")
	require.NoError(t, err)
	require.Empty(t, said)
	word := chain.Attestation{Member: "n1", Size: 1, Root: chain.Hash{1}, Cosignature: "— n1", Digest: chain.Hash{2}}
	require.NoError(t, s.Update(2, func(tx *Tx) error {
		tx.Attest(tx.Head("aka"), []chain.Attestation{word})
		tx.Head("aka").Digest = chain.Hash{3}
		tx.SetMember("n1", Member{URL: "http://n1", Key: "k"})
		return nil
	}))
	<-more
	addBlock(t, s, 3)
	require.NoError(t, s.Close())

	s = openTest(t, dir, 0)
	said, _, err = s.Attestations("aka")
	require.NoError(t, err)
	require.Equal(t, []chain.Attestation{word}, said)
	require.Equal(t, map[string]Member{"n1": {URL: "http://n1", Key: "k"}}, s.Members())
	_, err = s.Digest("aka", 1)
	require.ErrorIs(t, err, chain.NotFound)
	digest, err := s.Digest("aka", 2)
	require.NoError(t, err)
	require.Equal(t, chain.Hash{3}, digest)
	require.NoError(t, s.Close())
}
