package local

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddressesAreThoseThatAreWantedOrFree(t *testing.T) {
	first, err := FreeAddress()
	require.NoError(t, err)
	_, text, err := net.SplitHostPort(first)
	require.NoError(t, err)
	port, err := strconv.Atoi(text)
	require.NoError(t, err)
	l, err := net.Listen("tcp", first)
	require.NoError(t, err)
	defer l.Close()
	others, err := addresses(3, port)
	require.NoError(t, err)
	require.Len(t, others, 3)
	require.NotContains(t, others, first, "somebody is there")
	wanted, err := addresses(1, 0)
	require.NoError(t, err)
	require.Len(t, wanted, 1)
	require.NoError(t, l.Close())
	one, err := addresses(1, port)
	require.NoError(t, err)
	require.Equal(t, []string{first}, one)
}
