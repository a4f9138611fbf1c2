package proof_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// grow makes the leaves and stored hashes of a log; from leaf fork on, the
// leaves are of another history.
func grow(t testing.TB, size, fork int) ([]proof.Leaf, stored) {
	t.Helper()
	var leaves []proof.Leaf
	var hashes stored
	for i := range size {
		l := proof.Leaf{Index: uint64(i + 1), PreviousHash: chain.Hash{byte(i)}.String(), Transactions: 1}
		if i == 0 {
			l.PreviousHash = chain.GenesisPrevious
		}
		if i >= fork {
			l.Transactions = 2
		}
		leaves = append(leaves, l)
		added, err := tlog.StoredHashesForRecordHash(int64(i), tlog.Hash(l.EntryHash()), hashes)
		require.NoError(t, err)
		hashes = append(hashes, added...)
	}
	return leaves, hashes
}

func at(t testing.TB, size int, hashes stored) proof.Checkpoint {
	t.Helper()
	root, err := tlog.TreeHash(int64(size), hashes)
	require.NoError(t, err)
	return proof.Checkpoint{Origin: proof.Origin("aka", chain.Hash{1}), Size: uint64(size), Root: chain.Hash(root)}
}

// In random trees, what tlog proves is what is checked here, and neither
// another leaf, another place, another size nor another path passes.
func TestInclusionInRandomTrees(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		size := rapid.IntRange(1, 600).Draw(r, "size")
		leaves, hashes := grow(t, size, size)
		index := rapid.IntRange(0, size-1).Draw(r, "index")
		of := rapid.IntRange(index+1, size).Draw(r, "of")
		c, leaf := at(t, of, hashes), leaves[index]
		path, err := proof.ProveInclusion(uint64(of), uint64(index), hashes)
		require.NoError(r, err)
		require.NoError(r, proof.CheckInclusion(c, &leaf, path))

		other := leaf
		other.Transactions++
		require.ErrorIs(r, proof.CheckInclusion(c, &other, path), proof.ErrLeafPath)
		moved := leaf
		moved.Index = uint64(rapid.IntRange(1, of).Filter(func(i int) bool { return i != index+1 || of == 1 }).Draw(r, "moved"))
		if moved != leaf {
			require.ErrorIs(r, proof.CheckInclusion(c, &moved, path), proof.ErrLeafPath)
		}
		require.ErrorIs(r, proof.CheckInclusion(c, &leaf, append(slices.Clone(path), chain.Hash{})), proof.ErrLeafPath)
		if len(path) > 0 {
			require.ErrorIs(r, proof.CheckInclusion(c, &leaf, path[1:]), proof.ErrLeafPath)
			spoiled := slices.Clone(path)
			spoiled[rapid.IntRange(0, len(path)-1).Draw(r, "hash")][rapid.IntRange(0, 31).Draw(r, "byte")] ^= 1
			require.ErrorIs(r, proof.CheckInclusion(c, &leaf, spoiled), proof.ErrLeafPath)
		}
		if index > 0 {
			require.ErrorIs(r, proof.CheckInclusion(at(t, index, hashes), &leaf, path), proof.ErrStale)
		}
	})
}

func TestConsistencyInRandomTrees(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		size := rapid.IntRange(1, 600).Draw(r, "size")
		m := rapid.IntRange(1, size).Draw(r, "older")
		_, hashes := grow(t, size, size)
		older, newer := at(t, m, hashes), at(t, size, hashes)
		path, _, err := proof.ProveConsistency(uint64(m), uint64(size), hashes)
		require.NoError(r, err)
		require.NoError(r, proof.CheckConsistency(older, newer, path))

		_, forked := grow(t, size, rapid.IntRange(0, m-1).Draw(r, "fork"))
		require.ErrorIs(r, proof.CheckConsistency(older, at(t, size, forked), path), proof.ErrInconsistent)
		theirs, _, err := proof.ProveConsistency(uint64(m), uint64(size), forked)
		require.NoError(r, err)
		require.ErrorIs(r, proof.CheckConsistency(older, at(t, size, forked), theirs), proof.ErrInconsistent)
		if m < size {
			require.ErrorIs(r, proof.CheckConsistency(newer, older, path), proof.ErrRolledBack)
			require.ErrorIs(r, proof.CheckConsistency(older, newer, path[1:]), proof.ErrInconsistent)
		}
		require.ErrorIs(r, proof.CheckConsistency(older, newer, append(path, chain.Hash{})), proof.ErrInconsistent)
		elsewhere := newer
		elsewhere.Origin = proof.Origin("aka", chain.Hash{2})
		require.ErrorIs(r, proof.CheckConsistency(older, elsewhere, path), proof.ErrOrigin)
	})
}

// At some sizes tlog's arithmetic overflows and it would never return, so
// bounds come first.
func TestProofsBeyondEveryLogAreRefusedAtOnce(t *testing.T) {
	leaves, hashes := grow(t, 1, 1)
	for _, size := range []uint64{0, proof.MaxSize + 1, 1<<62 + 1, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c := proof.Checkpoint{Size: size}
			if size > 0 {
				require.ErrorIs(t, proof.CheckInclusion(c, &leaves[0], nil), proof.ErrSize)
			}
			require.ErrorIs(t, proof.CheckConsistency(c, c, nil), proof.ErrSize)
			_, err := proof.ProveInclusion(size, size-1, hashes)
			require.ErrorIs(t, err, proof.ErrSize)
			_, _, err = proof.ProveConsistency(size, size, hashes)
			require.ErrorIs(t, err, proof.ErrSize)
		})
	}
	require.ErrorIs(t, proof.CheckInclusion(at(t, 1, hashes), &leaves[0], make([]chain.Hash, 42)), proof.ErrSize)
	require.ErrorIs(t, proof.CheckInclusion(at(t, 1, hashes), &proof.Leaf{}, nil), proof.ErrSize)
	require.ErrorIs(t, proof.CheckConsistency(at(t, 1, hashes), at(t, 1, hashes), make([]chain.Hash, 42)), proof.ErrSize)
}

func TestRecordPathLeadsToTheBlocksRoot(t *testing.T) {
	w := newWorld(t, 12, nil)
	for i, block := range w.blocks {
		for position := range i {
			record, path, err := proof.RecordPath(block, position)
			require.NoError(t, err)
			b, err := chain.DecodeBlock(block, 6)
			require.NoError(t, err)
			require.Equal(t, string(chain.AppendRecord(nil, &b.Records[position], 6)), string(record))
			var converted []tlog.Hash
			for _, h := range path {
				converted = append(converted, tlog.Hash(h))
			}
			require.NoError(t, tlog.CheckRecord(converted, int64(i), tlog.Hash(w.leaves[i].Root), int64(position), tlog.RecordHash(record)))
		}
		_, _, err := proof.RecordPath(block, i)
		require.ErrorIs(t, err, chain.NotFound)
		_, _, err = proof.RecordPath(block, -1)
		require.ErrorIs(t, err, chain.NotFound)
	}
	_, _, err := proof.RecordPath([]byte("{"), 0)
	require.Error(t, err)
	_, _, err = proof.RecordPath(nil, 0)
	require.ErrorIs(t, err, proof.ErrEmpty)
}
