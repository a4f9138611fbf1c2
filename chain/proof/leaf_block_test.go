package proof_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

func TestLeafOfABlocksBytesIsThatOfTheBlock(t *testing.T) {
	w := newWorld(t, 5, nil)
	for i, block := range w.blocks {
		leaf, err := proof.LeafOfBlock(block, chain.HashBytes(block))
		require.NoError(t, err)
		require.Equal(t, w.leaves[i], leaf)
	}
}

func TestLeafOfWhatIsNoBlock(t *testing.T) {
	good := string(newWorld(t, 3, nil).blocks[2])
	for name, text := range map[string]string{
		"nothing":         "",
		"no object":       "[]",
		"no keys":         "{}",
		"cut short":       good[:len(good)-1],
		"trailing bytes":  good + "}",
		"no list":         strings.Replace(good, `"transactions": [`, `"transactions": 1, "x": [`, 1),
		"an index of 0":   strings.Replace(good, `"index": 3`, `"index": 0`, 1),
		"a huge index":    strings.Replace(good, `"index": 3`, `"index": 99999999999999`, 1),
		"a previous of 1": strings.Replace(good, `"previous_hash": "`, `"previous_hash": "1`, 1),
		"no root":         strings.Replace(good, `"transactions_root": "`, `"transactions_root": "x`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := proof.LeafOfBlock([]byte(text), chain.HashBytes([]byte(text)))
			require.ErrorIs(t, err, proof.ErrLeaf)
		})
	}
}

func TestLeafOfABlockDoesNotReadItsRecords(t *testing.T) {
	block := newWorld(t, 40, nil).blocks[39]
	hash := chain.HashBytes(block)
	allocations := testing.AllocsPerRun(10, func() {
		_, err := proof.LeafOfBlock(block, hash)
		require.NoError(t, err)
	})
	require.Less(t, allocations, 100.0)
}
