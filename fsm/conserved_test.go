package fsm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// A member in whose state a token was made or lost, by a fault of memory, say, produces no
// block of it: it stops at the next one, whichever way the balance is wrong.
func TestAMemberWhoseTotalsDoNotHoldStops(t *testing.T) {
	for name, wrong := range map[string]chain.Amount{"made": 1, "lost": -1} {
		t.Run(name, func(t *testing.T) {
			n := newNegligent(t, `, "on_request": true`)
			n.apply(&command.Produce{Token: "aka"})
			length := mustInfo(t, n.store, "aka").Length
			n.does(0, func(tx *store.Tx, h *store.Head) error {
				before := tx.Account(h, n.issuer.address)
				now := before
				now.Balance += wrong
				tx.SetAccount(h, n.issuer.address, before, now)
				return nil
			})
			_, err := n.Apply(n.index+1, int64(n.now), [][]byte{command.Encode(&command.Produce{Token: "aka"})})
			require.ErrorContains(t, err, "conservation is broken in aka at block")
			_, err = n.Apply(n.index+2, int64(n.now), nil)
			require.Error(t, err, "nothing is applied after it")
			_, _, err = n.store.Block("aka", length)
			require.Error(t, err, "and nothing is served any more")
		})
	}
}
