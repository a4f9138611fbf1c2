package cursor

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
)

func TestACursorIsOfOneChain(t *testing.T) {
	id, other := chain.HashBytes([]byte("one")), chain.HashBytes([]byte("another"))
	text := string(Append(nil, id)) + "a-b"
	place, err := OfChain(text, id)
	require.NoError(t, err)
	require.Equal(t, "a-b", place)
	_, err = OfChain(text, other)
	require.ErrorIs(t, err, outcome.OtherChain)
	none, err := OfChain("", id)
	require.NoError(t, err)
	require.Empty(t, none)
	for _, bad := range []string{"x", "-", "00ff-x", string(Append(nil, id)), text[1:]} {
		_, err := OfChain(bad, id)
		require.ErrorIs(t, err, chain.InvalidField, bad)
	}
}
