package fsm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// asks submits a transaction and returns why it was refused.
func (n *negligent) asks(who *person, t chain.Transaction) (chain.ID, chain.Code) {
	n.t.Helper()
	t = n.finish(&t, who, 0, n.now.Seconds()+3600)
	return t.ID, n.apply(submitRequest("aka", t))[0].Outcomes[0].Refused
}

func holdOf(n *negligent, to *person, units chain.Amount, seconds chain.Seconds) chain.Transaction {
	return chain.Transaction{Kind: chain.Hold, Recipient: to.address, Amount: units, HoldUntil: n.now.Seconds() + seconds}
}

func TestOneWalletHasItsShareOfHolds(t *testing.T) {
	n := newNegligent(t, "")
	greedy, other, shop := n.people[2], n.people[3], n.people[1]
	for _, who := range []*person{greedy, other} {
		_, refused := n.asks(n.issuer, chain.Transaction{Kind: chain.Transfer, Recipient: who.address, Amount: 1_000_000})
		require.Empty(t, refused)
	}
	approve := chain.ReceiveApprove
	_, refused := n.asks(shop, chain.Transaction{Kind: chain.Rules, Rules: &chain.RulesChange{Receive: &approve}})
	require.Empty(t, refused)
	var last chain.ID
	for i := range MaxSenderHolds {
		tx := holdOf(n, shop, 2, 60)
		if i%2 == 0 { // what somebody has to approve takes a place as well
			tx = chain.Transaction{Kind: chain.Transfer, Recipient: shop.address, Amount: 2}
		}
		last, refused = n.asks(greedy, tx)
		require.Empty(t, refused, i)
	}
	full := func(when string) {
		t.Helper()
		for _, tx := range []chain.Transaction{holdOf(n, shop, 2, 90), {Kind: chain.Transfer, Recipient: shop.address, Amount: 2}} {
			_, refused := n.asks(greedy, tx)
			require.Equal(t, chain.SenderHoldsFull, refused, when)
		}
	}
	full("at first")
	_, refused = n.asks(other, holdOf(n, shop, 2, 60))
	require.Empty(t, refused, "others have theirs")
	_, refused = n.asks(greedy, chain.Transaction{Kind: chain.Transfer, Recipient: other.address, Amount: 2})
	require.Empty(t, refused, "and what is delivered at once needs none")
	require.NoError(t, n.store.Close())
	n.open()
	full("after a restart")
	_, refused = n.asks(shop, chain.Transaction{Kind: chain.Reject, Hold: last})
	require.Empty(t, refused)
	_, refused = n.asks(greedy, holdOf(n, shop, 2, 90))
	require.Empty(t, refused, "one was given back")
	full("after that")
	n.now += 61 * second
	_, refused = n.asks(greedy, holdOf(n, shop, 2, 90))
	require.Empty(t, refused, "half of them have expired")
	require.Equal(t, 502, n.store.Contracts()[0].OpenHolds)
	n.apply(&command.Produce{Token: "aka"})
	require.Empty(t, checkers(t, blocksOf(t, n.store, "aka")))
}

// A cluster that gives one wallet more than its share is named.
func TestAShareThatIsNotKept(t *testing.T) {
	n := newNegligent(t, "")
	shop := n.people[1]
	for range MaxSenderHolds {
		_, refused := n.asks(n.issuer, holdOf(n, shop, 2, 600))
		require.Empty(t, refused)
	}
	n.writes(1, n.issuer, 0, holdOf(n, shop, 2, 600), func(r *chain.Record) {
		r.AmountSend, r.HoldUntil = 2, n.now.Seconds()+600
	})
	n.produces(2, chain.ByRequest)
	complaints := checkers(t, blocksOf(t, n.store, "aka"))
	require.ErrorContains(t, complaints["auditor"], "sender_holds_full")
	require.ErrorContains(t, complaints["follower"], "sender_holds_full")
	require.ErrorContains(t, complaints["verify"], "1000 of them of")
}

// Wallets are free, so places have a price that many wallets do not divide.
func TestNobodyFillsAllPlacesWithoutAllTokens(t *testing.T) {
	const supply = chain.MaxUnits
	require.Zero(t, leastHold(holdStep-1, supply))
	sum := chain.Amount(0)
	for open := range MaxOpenHolds {
		least := leastHold(open, supply)
		require.GreaterOrEqual(t, least, leastHold(max(open-1, 0), supply))
		sum += least
		// Whoever keeps others from holds of an amount has thousands of times
		// as much in escrow himself.
		if open >= 2*holdStep && open%holdStep == 0 {
			require.GreaterOrEqual(t, sum, least*holdStep/2, open)
		}
	}
	require.Greater(t, sum, supply-supply/1000)
}

// TestPlacesGetDearer fills the first step of places out of many wallets, as
// far as the state is concerned.
func TestPlacesGetDearer(t *testing.T) {
	n := newNegligent(t, "")
	shop := n.people[1]
	n.does(0, func(tx *store.Tx, h *store.Head) error {
		l := machineLedger{headLedger{tx, h}}
		for i := range holdStep {
			id := chain.DeriveID([]byte{byte(i), byte(i >> 8)})
			l.SetHold(id, chain.HoldState{Sender: string(rune('A' + i/1000)), Recipient: "x", Amount: 1, Until: n.now.Seconds() + 60})
		}
		h.Totals.Issued *= 1_000_000 // so that the least is more than a unit
		return nil
	})
	least := leastHold(holdStep, n.store.Contracts()[0].Totals.Issued)
	require.Greater(t, least, chain.Amount(100))
	_, refused := n.asks(n.issuer, holdOf(n, shop, least-1, 60))
	require.Equal(t, chain.HoldTooSmall, refused)
	_, refused = n.asks(n.issuer, holdOf(n, shop, least, 60))
	require.Empty(t, refused)
}
