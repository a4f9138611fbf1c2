package fsm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
)

// The next leader's clock may be behind that of the one before, and the chain's time is what
// it was: nothing expires twice, and no block is older than the one before it.
func TestTheChainsTimeNeverGoesBack(t *testing.T) {
	n := newNegligent(t, "")
	reached := n.now
	n.apply(&command.Produce{Token: "aka"})
	n.now -= 3600 * second
	n.apply(&command.Produce{Token: "aka"})
	require.EqualValues(t, reached, n.Time())
	require.Equal(t, reached, mustInfo(t, n.store, "aka").TipTimestamp)
	require.Empty(t, checkers(t, blocksOf(t, n.store, "aka")))
}

// A hold can be taken until the microsecond before its end. At the end itself it has gone
// back, whatever else the same entry asks for.
func TestAHoldEndsAtItsInstant(t *testing.T) {
	n := newNegligent(t, "")
	shop := n.people[1]
	taken, refused := n.asks(n.issuer, holdOf(n, shop, 500, 60))
	require.Empty(t, refused)
	left, refused := n.asks(n.issuer, holdOf(n, shop, 500, 60))
	require.Empty(t, refused)
	end := n.now + 60*second

	n.now = end - 1
	_, refused = n.asks(shop, chain.Transaction{Kind: chain.Accept, Hold: taken})
	require.Empty(t, refused, "just in time")
	require.Equal(t, 1, mustInfo(t, n.store, "aka").OpenHolds)

	n.now = end
	n.apply() // a tick
	require.Zero(t, mustInfo(t, n.store, "aka").OpenHolds, "it went back at that instant")
	_, refused = n.asks(shop, chain.Transaction{Kind: chain.Accept, Hold: left})
	require.Equal(t, chain.HoldHasExpired, refused)
	n.apply(&command.Produce{Token: "aka"})
	require.Empty(t, checkers(t, blocksOf(t, n.store, "aka")))
}
