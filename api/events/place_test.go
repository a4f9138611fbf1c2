package events

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/api/cursor"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
)

func TestEventIDsArePlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		block := rapid.Uint64Range(1, 1<<62).Draw(t, "block")
		position := rapid.IntRange(wholeBlock, chain.MaxBlockRecords).Draw(t, "position")
		id, other := chain.HashBytes([]byte("one")), chain.HashBytes([]byte("another"))
		text := []string{string(appendEventID(nil, id, block, position))}
		_, err := LastEvent(text, other)
		require.ErrorIs(t, err, outcome.OtherChain)
		at, err := LastEvent(text, id)
		require.NoError(t, err)
		if position == wholeBlock {
			require.Equal(t, Place{Block: block + 1}, at)
		} else {
			require.Equal(t, Place{Block: block, Position: position + 1}, at)
		}
	})
}

func FuzzLastEvent(f *testing.F) {
	for _, id := range []string{"7", "7-3", "0", "-1", "7-", "7-x", "18446744073709551616", "7-2147483648"} {
		f.Add(id)
	}
	of := chain.HashBytes([]byte("one"))
	f.Fuzz(func(t *testing.T, id string) {
		if id != "" {
			id = string(cursor.Append(nil, of)) + id
		}
		at, err := LastEvent([]string{id}, of)
		if err == nil && id != "" {
			require.Positive(t, at.Block)
			require.GreaterOrEqual(t, at.Position, 0)
		}
	})
}
