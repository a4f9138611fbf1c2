package fsm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// nobody is a ledger without accounts.
type nobody struct{}

func (nobody) Account(string) chain.Account                    { return chain.Account{} }
func (nobody) SetAccount(string, chain.Account, chain.Account) {}
func (nobody) Hold(chain.ID) (h chain.HoldState, known bool)   { return h, false }
func (nobody) SetHold(chain.ID, chain.HoldState)               {}

// Every kind of record has its arithmetic, and what has none is not passed over.
func TestEveryKindMovesSomethingOrIsRefused(t *testing.T) {
	c := chain.Contract{BPSC: "bpsc", Wallets: chain.SignedWallets}
	kinds := []chain.Kind{chain.Transfer, chain.Hold, chain.Delivery, chain.Refund, chain.Issue, chain.Rules, chain.Spend, chain.Burn, chain.Recovery}
	require.Len(t, kinds, chain.RecordKinds-1, "but for the tutorial's, which have none")
	for _, kind := range kinds {
		r := chain.Record{Kind: kind, Sender: "a", Recipient: "b", BPSC: "bpsc", Rules: &chain.RulesChange{}}
		require.NoError(t, evolve(nobody{}, &c, &chain.Totals{}, &r), kind)
	}
	require.ErrorIs(t, evolve(nobody{}, &c, &chain.Totals{}, &chain.Record{Kind: "gift"}), chain.KindInvalid)
}
