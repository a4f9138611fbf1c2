package proof_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

const (
	token    = "aka"
	decimals = 6
	unix     = chain.Seconds(1_800_000_000)
)

// stored is a log's hashes in memory.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(s)) {
			return nil, fmt.Errorf("no hash %d", x)
		}
		read[i] = s[x]
	}
	return read, nil
}

func (s *stored) add(t testing.TB, leaf chain.Hash) {
	n := int64(0)
	for tlog.StoredHashCount(n) < int64(len(*s)) {
		n++
	}
	added, err := tlog.StoredHashesForRecordHash(n, tlog.Hash(leaf), *s)
	require.NoError(t, err)
	*s = append(*s, added...)
}

// world is a chain, its log, and three members that sign for it.
type world struct {
	t      testing.TB
	blocks [][]byte
	leaves []proof.Leaf
	hashes stored
	keys   []proof.SigningKey
	pin    proof.Chain
}

// newWorld forges a chain whose block i has i-1 records, altered before they
// are written.
func newWorld(t testing.TB, blocks int, alter func(*chain.Record)) *world {
	t.Helper()
	w := &world{t: t}
	for i := range 4 {
		w.keys = append(w.keys, newKey(t, fmt.Sprintf("n%d", i+1), byte(i+1)))
	}
	c := chain.DefaultContract()
	c.Wallets, c.BPSC = chain.OpenWallets, chain.OpenBPSC
	previous := chain.GenesisPrevious
	for index := 1; index <= blocks; index++ {
		b := &chain.Block{Header: chain.Header{Index: uint64(index), Timestamp: unix.Micros() + chain.Micros(index), PreviousHash: previous,
			Totals: &chain.Totals{}, Trigger: chain.ByTime, HasRoot: true}}
		if index == 1 {
			b.Trigger, b.Contract = chain.ByGenesis, &c
		}
		var root chain.RootBuilder
		for i := range index - 1 {
			r, err := chain.NewTransfer(&c, &chain.Transaction{ID: chain.DeriveID(fmt.Append(nil, index, i)), Sender: "a", Recipient: "b", Amount: 12_500_000})
			require.NoError(t, err)
			if alter != nil {
				alter(&r)
			}
			b.Records = append(b.Records, r)
			root.Add(chain.AppendRecord(nil, &r, decimals))
		}
		b.Root = root.Root()
		w.append(b)
		previous = w.leaves[index-1].Hash.String()
	}
	w.pin = proof.Chain{Token: token, ID: w.leaves[0].Hash}
	return w
}

func newKey(t testing.TB, member string, seed byte) proof.SigningKey {
	t.Helper()
	name, err := proof.KeyName("test", member)
	require.NoError(t, err)
	key, err := proof.NewSigningKey(name, [32]byte{seed})
	require.NoError(t, err)
	return key
}

func (w *world) append(b *chain.Block) {
	text := b.Append(nil, decimals)
	leaf := proof.LeafOf(&b.Header, chain.HashBytes(text), len(b.Records))
	w.blocks, w.leaves = append(w.blocks, text), append(w.leaves, leaf)
	w.hashes.add(w.t, leaf.EntryHash())
}

// cosigner is how the policy calls the holder of key i, counted from 0.
func (w *world) cosigner(i int) proof.Cosigner {
	return proof.Cosigner{Name: fmt.Sprintf("n%d", i+1), Key: w.keys[i].Verifier()}
}

// policy wants two of the first three keys.
func (w *world) policy() *proof.Policy {
	p, err := proof.NewPolicy([]proof.Cosigner{w.cosigner(0), w.cosigner(1), w.cosigner(2)}, 2, nil, 0, w.pin)
	require.NoError(w.t, err)
	return p
}

func (w *world) checkpoint(size uint64) proof.Checkpoint {
	root, err := tlog.TreeHash(int64(size), w.hashes)
	require.NoError(w.t, err)
	return proof.Checkpoint{Origin: proof.Origin(w.pin.Token, w.pin.ID), Size: size, Root: chain.Hash(root)}
}

// sign cosigns a checkpoint with the keys of those numbers, counted from 0.
func (w *world) sign(c proof.Checkpoint, keys ...int) []byte {
	w.t.Helper()
	var lines []string
	for _, k := range keys {
		line, err := proof.Cosign(c.Body(), w.keys[k], unix+chain.Seconds(k))
		require.NoError(w.t, err)
		lines = append(lines, line)
	}
	note, err := proof.AssembleNote(c.Body(), lines...)
	require.NoError(w.t, err)
	return note
}

func (w *world) inclusion(index, size uint64) []chain.Hash {
	path, err := proof.ProveInclusion(size, index-1, w.hashes)
	require.NoError(w.t, err)
	return path
}

// receipt is that of a record in a block, as of the whole chain, signed by the
// first and the third member.
func (w *world) receipt(block uint64, position int) *proof.Receipt {
	w.t.Helper()
	size := uint64(len(w.blocks))
	r, err := proof.BuildReceipt(w.leaves[block-1], w.blocks[block-1], position, w.inclusion(block, size), w.sign(w.checkpoint(size), 0, 2))
	require.NoError(w.t, err)
	return r
}
