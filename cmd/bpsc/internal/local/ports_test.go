package local

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func portOf(t *testing.T, addr string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	port, err := strconv.Atoi(text)
	require.NoError(t, err)
	return port
}

func TestPortsAreThoseThatAreWantedOrFree(t *testing.T) {
	var somebody, p Ports
	first, err := somebody.Free()
	require.NoError(t, err)
	others, err := p.From(portOf(t, first), 3)
	require.NoError(t, err)
	require.Len(t, others, 3)
	require.NotContains(t, others, first, "somebody is there")
	wanted, err := p.From(0, 1)
	require.NoError(t, err)
	require.Len(t, wanted, 1)
	require.NoError(t, p.Release())
	require.NoError(t, somebody.Release())
	one, err := p.From(portOf(t, first), 1)
	require.NoError(t, err)
	require.Equal(t, []string{first}, one)
	require.NoError(t, p.Release())
}

// Where only the last of those that are wanted is taken, the first are given back.
func TestPortsOfASeriesAreGivenBackWhereOneIsTaken(t *testing.T) {
	var somebody, p Ports
	last, err := somebody.Free()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, somebody.Release()) })
	first := portOf(t, last) - 20
	list, err := p.From(first, 3)
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Len(t, p.held, 3)
	require.NoError(t, p.Release())
}

// Until they are released nobody else has them, and none is given out again.
func TestPortsAreHeld(t *testing.T) {
	var p Ports
	seen := map[string]bool{}
	for range 500 { // of 16,000: some of them would be drawn twice
		addr, err := p.Free()
		require.NoError(t, err)
		require.False(t, seen[addr], "%s is given out twice", addr)
		seen[addr] = true
		_, err = net.Listen("tcp", addr)
		require.Error(t, err)
	}
	require.NoError(t, p.Release())
	for addr := range seen {
		l, err := net.Listen("tcp", addr)
		require.NoError(t, err)
		require.NoError(t, l.Close())
	}
}
