package proof_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	f_proof "github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

func TestReceiptOfEveryRecordVerifies(t *testing.T) {
	w := newWorld(t, 9, nil)
	p := w.policy()
	for block := uint64(2); block <= 9; block++ {
		for position := range int(block) - 1 {
			r := w.receipt(block, position)
			file, err := r.Marshal()
			require.NoError(t, err)
			again, err := proof.ParseReceipt(file)
			require.NoError(t, err)
			require.Equal(t, r, again)
			v, err := again.Verify(p)
			require.NoError(t, err)
			require.Equal(t, block, v.Block)
			require.Equal(t, w.leaves[block-1].Hash, v.BlockHash)
			require.Equal(t, position, v.Position)
			require.True(t, v.Pinned)
			require.Equal(t, fmt.Sprintf("12.5 aka from a to b in block %d of chain aka (id %s), signed by n1, n3 of 3", block, w.pin.ID), v.Sentence())
		}
	}
}

func TestAnOlderCheckpointThatHoldsTheBlockIsEnough(t *testing.T) {
	w := newWorld(t, 9, nil)
	r, err := proof.BuildReceipt(w.leaves[3], w.blocks[3], 0, w.inclusion(4, 6), w.sign(w.checkpoint(6), 0, 1))
	require.NoError(t, err)
	v, err := r.Verify(w.policy())
	require.NoError(t, err)
	require.EqualValues(t, 6, v.Checkpoint.Size)
}

func TestWithoutAPinTheSentenceNamesWhatWasSigned(t *testing.T) {
	w := newWorld(t, 3, nil)
	p, err := proof.NewPolicy(w.policy().Members(), 2, []proof.Cosigner{w.cosigner(3)}, 1)
	require.NoError(t, err)
	r := w.receipt(3, 0)
	r.Checkpoint = w.sign(w.checkpoint(3), 0, 1, 2, 3)
	v, err := r.Verify(p)
	require.NoError(t, err)
	require.False(t, v.Pinned)
	require.Contains(t, v.Sentence(), "(id "+w.pin.ID.String()[:16]+"), signed by n1, n2, n3 of 3, witnessed by n4")
}

// Anybody's reader of tlog-proofs reads a receipt.
func TestReceiptIsATlogProof(t *testing.T) {
	w := newWorld(t, 9, nil)
	file, err := w.receipt(7, 2).Marshal()
	require.NoError(t, err)
	var theirs f_proof.TLogProof
	require.NoError(t, theirs.Unmarshal(file))
	require.EqualValues(t, 6, theirs.Index)
	c := w.checkpoint(9)
	var path []tlog.Hash
	for _, h := range theirs.Hashes {
		path = append(path, h)
	}
	leaf := proof.AppendLeaf(nil, &w.leaves[6])
	require.NoError(t, tlog.CheckRecord(path, 9, tlog.Hash(c.Root), 6, tlog.RecordHash(leaf)))
}

func TestBuildReceiptRefusesWhatWouldNotVerify(t *testing.T) {
	w := newWorld(t, 9, nil)
	note, path := w.sign(w.checkpoint(9), 0, 1), w.inclusion(5, 9)
	for _, c := range []struct {
		name     string
		leaf     proof.Leaf
		block    []byte
		position int
		path     []chain.Hash
		note     []byte
		want     error
	}{
		{"another block", w.leaves[4], w.blocks[5], 0, path, note, proof.ErrHeader},
		{"no such record", w.leaves[4], w.blocks[4], 4, path, note, chain.NotFound},
		{"another path", w.leaves[4], w.blocks[4], 0, w.inclusion(6, 9), note, proof.ErrLeafPath},
		{"a checkpoint before the block", w.leaves[4], w.blocks[4], 0, path, w.sign(w.checkpoint(4), 0, 1), proof.ErrStale},
		{"no checkpoint", w.leaves[4], w.blocks[4], 0, path, nil, proof.ErrEmpty},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := proof.BuildReceipt(c.leaf, c.block, c.position, c.path, c.note)
			require.ErrorIs(t, err, c.want)
		})
	}
}

// synthetic is a receipt of the first record of a full block in a log of a
// size, whose paths are made up but lead where they should. No path there is
// longer.
func synthetic(t testing.TB, w *world, size uint64, record []byte) *proof.Receipt {
	t.Helper()
	r := &proof.Receipt{Record: record}
	r.Leaf = proof.Leaf{Index: 2, Hash: chain.Hash{1}, PreviousHash: chain.Hash{2}.String(), Timestamp: unix.Micros() + 123_456, Transactions: chain.MaxBlockRecords}
	r.RecordProof, r.Leaf.Root = climb(0, chain.MaxBlockRecords, chain.Hash(tlog.RecordHash(record)))
	c := proof.Checkpoint{Origin: proof.Origin(w.pin.Token, w.pin.ID), Size: size}
	r.LeafProof, c.Root = climb(1, size, r.Leaf.EntryHash())
	r.Checkpoint = w.sign(c, 0, 1, 2)
	return r
}

// climb makes up the path of leaf n in a tree of a size, and its root.
func climb(n, size uint64, h chain.Hash) (path []chain.Hash, root chain.Hash) {
	for ; size > 1; n, size = n/2, (size+1)/2 {
		sibling := chain.Hash{byte(size)}
		if n%2 == 0 && n+1 == size {
			continue // nothing stands beside it on this level
		}
		path = append(path, sibling)
		if n%2 == 0 {
			h = chain.Hash(tlog.NodeHash(tlog.Hash(h), tlog.Hash(sibling)))
		} else {
			h = chain.Hash(tlog.NodeHash(tlog.Hash(sibling), tlog.Hash(h)))
		}
	}
	return path, h
}

func TestReceiptsStaySmall(t *testing.T) {
	w := newWorld(t, 1, nil)
	for _, c := range []struct {
		size   uint64
		record string
		hashes int // of the leaf's path
		limit  int // bytes beside the record in base64
	}{
		{1_000_000, `{"amount_send": 12.5, "kind": "transfer", "recipient": "b", "sender": "a"}`, 20, 8 << 10},
		{1_000_000, `{"amount_send": 1, "memo": "` + strings.Repeat("a", chain.MaxRecordBytes-31) + `"}`, 20, 8 << 10},
		{proof.MaxSize, `{"amount_send": 12.5, "kind": "transfer", "recipient": "b", "sender": "a"}`, 40, 8 << 10},
	} {
		r := synthetic(t, w, c.size, []byte(c.record))
		require.LessOrEqual(t, len(r.Record), chain.MaxRecordBytes)
		require.Len(t, r.LeafProof, c.hashes)
		require.Len(t, r.RecordProof, 14)
		file, err := r.Marshal()
		require.NoError(t, err)
		require.LessOrEqual(t, len(file), c.limit+len(c.record))
		again, err := proof.ParseReceipt(file)
		require.NoError(t, err)
		_, err = again.Verify(w.policy())
		require.NoError(t, err)
		t.Logf("log of %d blocks, record of %d bytes: path of %d + %d hashes, %d bytes", c.size, len(c.record), len(r.LeafProof), len(r.RecordProof), len(file))
	}
}

func BenchmarkReceiptVerify(b *testing.B) {
	w := newWorld(b, 1, nil)
	record := []byte(`{"amount_bpsc": 0.000625, "amount_receive": 12.499375, "amount_send": 12.5, "kind": "transfer", "recipient": "b", "sender": "a"}`)
	file, err := synthetic(b, w, 1_000_000, record).Marshal()
	require.NoError(b, err)
	p := w.policy()
	b.ReportAllocs()
	for b.Loop() {
		r, err := proof.ParseReceipt(file)
		if err == nil {
			_, err = r.Verify(p)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
