package fsm

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// compareOpenHolds asks for what waits for each wallet, and from each.
func compareOpenHolds(t require.TestingT, m *signedModel, s *store.Store) {
	for name := range m.wallets {
		for _, role := range []chain.HoldRole{chain.HoldRecipient, chain.HoldSender} {
			want := []chain.OpenHold{}
			for id, h := range m.holds {
				party := map[chain.HoldRole]string{chain.HoldRecipient: h.to, chain.HoldSender: h.from}[role]
				if h.ended == "" && party == name {
					want = append(want, chain.OpenHold{ID: id, HoldState: chain.HoldState{Sender: h.from, Recipient: h.to, Amount: h.amount, Until: h.until}})
				}
			}
			slices.SortFunc(want, func(a, b chain.OpenHold) int {
				return cmp.Or(cmp.Compare(a.Until, b.Until), bytes.Compare(a.ID[:], b.ID[:]))
			})
			require.Equal(t, want, allOpenHolds(t, s, "aka", name, role), name)
		}
	}
}

// allOpenHolds reads all pages.
func allOpenHolds(t require.TestingT, s *store.Store, token, name string, role chain.HoldRole) []chain.OpenHold {
	all := []chain.OpenHold{}
	for q := (chain.HoldQuery{Account: name, Role: role, Limit: 2}); ; {
		page, err := s.OpenHolds(token, q)
		require.NoError(t, err)
		if all = append(all, page.Holds...); !page.More {
			return all
		}
		q.After = all[len(all)-1].ID
	}
}
