package store

import (
	"context"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/history"
	"github.com/bpsc/bpsc/store/keys"
)

// A row from before it was noted where holds end says so after one read.
func TestTheEndOfAHoldThatNobodyNotedIsLookedFor(t *testing.T) {
	r := newHistoryRig(t, 20_000)
	defer func() { require.NoError(t, r.store.Close()) }()
	id := chain.DeriveID([]byte("hold"))
	state := chain.HoldState{Sender: "a", Recipient: "b", Amount: 1, Until: 1_900_000_000}
	r.add(chain.Record{Kind: chain.Hold, ID: id, Sender: "a", Recipient: "b", AmountSend: 1, HoldUntil: state.Until})
	r.update(func(tx *Tx) {
		h := tx.Head("aka")
		tx.SetHold(h, id, state)
		tx.SetPlacement(h, id, Placement{Block: 2})
	})
	r.produce() // block 2
	refunds := func(from, n int) (list []chain.Record) {
		for i := range n {
			other := chain.DeriveID([]byte(fmt.Sprint("other", from+i)))
			list = append(list, chain.Record{Kind: chain.Refund, ID: chain.DeriveID([]byte(fmt.Sprint("refund", from+i))),
				Sender: "a", Recipient: "b", AmountRefund: 1, Hold: other, Reason: chain.Rejected})
		}
		return list
	}
	const pages = searchPages + 2
	for i := range pages { // blocks 3 to pages+2
		r.add(refunds(i*history.MaxPage, history.MaxPage)...)
		r.produce()
	}
	ended := state
	ended.Ended = chain.HoldDelivered
	r.add(chain.Record{Kind: chain.Delivery, ID: chain.DeriveID([]byte("end")), Sender: "a", Recipient: "b", AmountSend: 1, AmountReceive: 1, Hold: id})
	r.update(func(tx *Tx) { tx.SetHold(tx.Head("aka"), id, ended) })
	r.produce()
	require.NoError(t, r.store.Sync(context.Background()))
	const end = pages + 3
	requireHold := func(block uint64, want chain.HoldState) {
		t.Helper()
		got, err := r.store.HoldAt("aka", id, block)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	requireHold(end-1, state)
	requireHold(end, ended)

	key := keys.ID{ID: id}.In(keys.EndedHoldTable)
	row, err := engine.Get(r.store.db, key)
	require.NoError(t, err)
	old := []byte(`{"Sender":"a","Recipient":"b","Amount":1,"Until":1900000000,"Ended":"hold_delivered"}`)
	require.NotEqual(t, string(old), string(row))
	require.NoError(t, r.store.db.Set(key, old, pebble.NoSync))
	_, err = r.store.HoldAt("aka", id, end)
	require.ErrorIs(t, err, chain.ErrUnfinished)
	page, err := r.store.HoldsAt("aka", chain.PastHoldQuery{Account: "a", Role: chain.HoldSender, Block: 5, Limit: 1})
	require.NoError(t, err, "the search has gone on from where it was")
	require.Equal(t, []chain.OpenHold{{ID: id, HoldState: state}}, page.Holds)
	again, err := engine.Get(r.store.db, key)
	require.NoError(t, err)
	h, err := decodeHold(again)
	require.NoError(t, err)
	require.Equal(t, uint64(end), h.EndedIn)
	requireHold(end-1, state)
	requireHold(end, ended)
	_, err = r.store.HoldAt("aka", id, 1)
	require.ErrorIs(t, err, chain.NotFound)
}

func TestNotesAreFoundByPlaceWhereverTheyAre(t *testing.T) {
	r := newHistoryRig(t, 1<<20)
	defer func() { require.NoError(t, r.store.Close()) }()
	name := "a"
	for i := range uint64(9) {
		r.update(func(tx *Tx) {
			h := tx.Head("aka")
			before := chain.Account{Balance: chain.Amount(i * 7), Records: i * noteEvery}
			tx.SetAccount(h, name, before, chain.Account{Balance: chain.Amount(i*7 + 7), Records: before.Records + noteEvery})
			tx.SetAccount(h, name+"\x00", before, chain.Account{Records: 1 << 40}) // another's, which begins alike
		})
		r.add(transferRecord(int(i), "a", "b"))
		r.produce()
		if i == 3 || i == 6 {
			require.NoError(t, r.store.Sync(context.Background()))
		}
	}
	for block := uint64(1); block <= 10; block++ { // each note is of the end of a block, but for the last
		n, err := r.store.Note("aka", name, block)
		require.NoError(t, err)
		i := min(block, 9) - 1
		require.Equal(t, Noted{Account: chain.Account{Balance: chain.Amount(i * 7), Records: i * noteEvery}, Block: i + 2}, n, "block %d", block)
	}
	n, err := r.store.Note("aka", "nobody", 5)
	require.NoError(t, err)
	require.Equal(t, Noted{}, n)
}

func FuzzDecodeNote(f *testing.F) {
	k := accountKey{3, "name"}
	r, err := k.noteRow(note{history.PlaceOf(7, 2), chain.Account{Balance: -5, Records: 9, Wallet: &chain.Wallet{Frozen: true}}})
	require.NoError(f, err)
	f.Add(r.Key, r.Value)
	f.Add([]byte{}, []byte{})
	f.Add(r.Key, []byte{noteVersion + 1, 0, 0})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		n, err := decodeNote(key, value)
		if err != nil {
			return
		}
		again, err := k.noteRow(n)
		require.NoError(t, err)
		back, err := decodeNote(again.Key, again.Value)
		require.NoError(t, err)
		require.Equal(t, n, back)
	})
}
