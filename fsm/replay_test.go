package fsm

import (
	"context"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
)

// Who asks again is told the same, wherever the record is by now.
func TestAReplayIsToldTheSame(t *testing.T) {
	for _, wallets := range []string{"open", "signed"} {
		t.Run(wallets, func(t *testing.T) {
			r := newRig(t)
			var txs, other []chain.Transaction
			if wallets == "open" {
				require.Empty(t, r.create(`{"token":"aka","wallets":"open"}`).Refused)
				txs = []chain.Transaction{transfer("k1", "a", "b", 1_000_000), transfer("k2", "b", "c", 5_000_000),
					transfer("k3", "a", "b", chain.MaxUnits), transfer("k4", "a", "b", chain.MaxUnits)}
				for i, tx := range txs {
					for _, change := range []func(*chain.Transaction){
						func(t *chain.Transaction) { t.Amount-- }, func(t *chain.Transaction) { t.Sender += "x" },
						func(t *chain.Transaction) { t.Recipient += "x" }, func(t *chain.Transaction) { t.Memo += "x" },
						func(t *chain.Transaction) { t.Sender, t.Recipient = t.Recipient, t.Sender },
					} {
						changed := txs[i]
						change(&changed)
						require.NotEqual(t, tx, changed)
						other = append(other, changed)
					}
				}
			} else {
				w := newTown("", false)
				require.Empty(t, r.create(w.contract).Refused)
				w.chainID = mustInfo(t, r.store, "aka").ID
				for i, kind := range []chain.Kind{chain.Transfer, chain.Hold, chain.Issue, chain.Transfer} {
					tx := chain.Transaction{Kind: kind, Recipient: w.people[i].address, Amount: 100}
					if kind == chain.Hold {
						tx.HoldUntil = r.now.Seconds() + 1000
					}
					txs = append(txs, w.finish(&tx, w.people[5-i/3], 0, r.now.Seconds()+3600))
				}
			}
			first := r.apply(submitRequest("aka", txs...))[0].Outcomes
			require.NotEmpty(t, first[3].Refused, "a refusal is among them")
			for i := range first {
				first[i].Replay = true
			}
			again := func(where string) {
				require.Equal(t, first, r.apply(submitRequest("aka", txs...))[0].Outcomes, where)
				for _, tx := range other {
					require.Equal(t, chain.IDReused, r.apply(submitRequest("aka", tx))[0].Outcomes[0].Refused, where)
				}
			}
			again("pending")
			require.NoError(t, r.store.Sync(context.Background()))
			again("pending, ids on disk")
			r.apply(&command.Produce{Token: "aka"})
			again("in a block in memory")
			require.NoError(t, r.store.Sync(context.Background()))
			again("in a block on disk")
			require.NoError(t, r.store.Close())
			r.open()
			again("after a restart")
		})
	}
}

// allocated is how many bytes work takes from the heap.
func allocated(work func()) uint64 {
	var before, after runtime.MemStats
	least := uint64(math.MaxUint64) // the runtime allocates, too
	for range 5 {
		runtime.ReadMemStats(&before)
		work()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// What a replay takes in Apply, and a read by id takes of the store, does not
// depend on the block that the record is in. Before, each took the block: 3.3 MB.
func TestAReplayTakesNothingOfItsBlock(t *testing.T) {
	s, m, all := fullBlocks(t, 1)
	require.Equal(t, uint64(2), mustInfo(t, s, "aka").Length, "a block of 10,000")
	const n = 100
	apply := func(txs []chain.Transaction) {
		result, err := m.Apply(s.AppliedIndex()+1, 3, [][]byte{command.Encode(submitRequest("aka", txs...))})
		require.NoError(t, err)
		a, err := command.DecodeAnswer(result(0))
		require.NoError(t, err)
		require.Len(t, a.Outcomes, n)
	}
	next := len(all)
	fresh := allocated(func() {
		apply(manyTransfers(next, n))
		next += n
	})
	replays := allocated(func() { apply(all[5000 : 5000+n]) })
	t.Logf("%d new transfers take %d bytes, %d replays %d", n, fresh, n, replays)
	require.Less(t, replays, 2*fresh)

	read := allocated(func() {
		for i := range n {
			o, err := s.Transaction("aka", all[i*99].ID)
			require.NoError(t, err)
			require.Equal(t, all[i*99].Sender, o.Record.Sender)
		}
	})
	t.Logf("a read by id takes %d bytes", read/n)
	require.Less(t, read/n, uint64(256<<10), "the block has 2.5 MB")
	page := allocated(func() {
		p, err := s.History("aka", "wallet-77", chain.HistoryQuery{})
		require.NoError(t, err)
		require.Len(t, p.Records, 1)
	})
	t.Logf("a page of one record takes %d bytes", page)
	require.Less(t, page, uint64(1<<20))
}

// The answer to signed replays holds the records, read by who asked and not in
// Apply.
func TestSignedReplaysAreReadOutsideOfApply(t *testing.T) {
	w := newTown("", false)
	r := newRig(t)
	require.Empty(t, r.create(w.contract).Refused)
	w.chainID = mustInfo(t, r.store, "aka").ID
	const n = 400
	var txs []chain.Transaction
	for range n {
		tx := chain.Transaction{Kind: chain.Transfer, Recipient: w.people[1].address, Amount: 100}
		txs = append(txs, w.finish(&tx, w.issuer, 0, r.now.Seconds()+3600))
	}
	first := r.apply(submitRequest("aka", txs...))[0].Outcomes
	r.apply(&command.Produce{Token: "aka"})
	require.NoError(t, r.store.Sync(context.Background()))
	data := [][]byte{command.Encode(submitRequest("aka", txs...))}
	var result func(int) []byte
	taken := allocated(func() {
		var err error
		r.index++
		result, err = r.Apply(r.index, int64(r.now), data)
		require.NoError(t, err)
	})
	require.Less(t, taken/n, uint64(32<<10), "the block has 290 kB")
	a, err := command.DecodeAnswer(result(0))
	require.NoError(t, err)
	for i, o := range a.Outcomes {
		require.Equal(t, first[i].Record, o.Record)
	}
	require.NoError(t, r.store.Close())
	require.Nil(t, result(0), "what cannot be read is no answer")
	r.open()
}
