package holds

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// A page costs what it shows, a change next to nothing, however many holds are open.
func TestOpenHoldsCostNoMoreThanThePage(t *testing.T) {
	const open, page = 100_000, 10
	looks := 0
	counting := func(party func(*chain.OpenHold) string) *tree {
		return newTree(func(h *chain.OpenHold) string { looks++; return party(h) })
	}
	x := Parties{counting(recipientOf), counting(senderOf)}
	hold := func(i int) (chain.ID, chain.HoldState) {
		return chain.DeriveID([]byte(fmt.Sprint(i))), chain.HoldState{Sender: fmt.Sprint(i % 7), Recipient: "b", Until: chain.Seconds(i / 3)}
	}
	for i := range open {
		x.Set(hold(i))
	}
	perChange := looks / open
	require.Less(t, perChange, 2*2*40, "two trees, two looks a comparison")
	for _, after := range []chain.Seconds{0, open / 6, open / 3} {
		looks = 0
		x.Page(&chain.HoldQuery{Account: "b", Role: chain.HoldRecipient, Limit: page}, chain.OpenHold{HoldState: chain.HoldState{Until: after}})
		require.Less(t, looks, 4*(page+40))
	}
}
