package fsm

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// testNotes is after how many records the stores of these tests note an account.
const testNotes = 3

// testFilter is a size of the store's filter of ids that costs nothing to make.
const testFilter = 256 << 10

// replayPast replays a chain and compares what a store says of the past with the
// books after each block: of every account and hold that is ever heard of, from
// before it was. What is skipped of the blocks is drawn.
func replayPast(t require.TestingT, s *store.Store, token string, skip func() bool) (open int) {
	info := mustInfo(t, s, token)
	c := &info.Contract
	names := map[string]bool{c.BPSC: true, c.Issuer: true, "nobody": true}
	var holds []chain.ID
	blocks := make([]*chain.Block, 0, info.Length)
	for _, canonical := range blocksOf(t, s, token) {
		b, err := chain.DecodeBlock(canonical, c.Decimals)
		require.NoError(t, err)
		blocks = append(blocks, b)
		for i := range b.Records {
			r := &b.Records[i]
			names[r.Sender], names[r.Recipient] = true, true
			if r.Kind == chain.Hold {
				holds = append(holds, r.ID)
			}
		}
	}
	delete(names, "")
	mem := newMemory()
	if c.Supply > 0 {
		mem.SetAccount(c.Issuer, chain.Account{}, chain.Account{Balance: c.Supply})
		mem.Totals.Issued = c.Supply
	}
	for _, b := range blocks {
		for i := range b.Records {
			require.NoError(t, evolve(&mem, c, &mem.Totals, &b.Records[i]))
		}
		if skip() {
			continue
		}
		for name := range names {
			got, err := AccountAt(s, token, name, b.Index)
			require.NoError(t, err)
			require.Equal(t, mem.Account(name), got, "%s of %s at block %d", name, token, b.Index)
		}
		open += compareHoldsThen(t, s, token, b.Index, &mem, holds, names)
	}
	return open
}

// compareHoldsThen compares the holds at a block and returns how many were open.
func compareHoldsThen(t require.TestingT, s *store.Store, token string, block uint64, then *memory, holds []chain.ID, names map[string]bool) (open int) {
	sent, received := map[string][]chain.ID{}, map[string][]chain.ID{} // the oldest first, as holds is
	for _, id := range holds {
		want, known := then.Hold(id)
		got, err := s.HoldAt(token, id, block)
		if !known {
			require.ErrorIs(t, err, chain.NotFound)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, got, "hold %s at block %d", id, block)
		if want.Ended == "" {
			sent[want.Sender] = append(sent[want.Sender], id)
			received[want.Recipient] = append(received[want.Recipient], id)
			open++
		}
	}
	for name := range names {
		for role, want := range map[chain.HoldRole][]chain.ID{chain.HoldSender: sent[name], chain.HoldRecipient: received[name]} {
			var got []chain.ID
			q := chain.PastHoldQuery{Account: name, Role: role, Block: block, Limit: 2}
			for {
				page, err := s.HoldsAt(token, q)
				require.NoError(t, err)
				for _, h := range page.Holds {
					got = append(got, h.ID)
				}
				if q.After = page.Next; q.After == "" {
					break
				}
			}
			slices.Reverse(got)
			require.Equal(t, want, got, "%s %s at block %d", role, name, block)
		}
	}
	return open
}

func never() bool { return false }

// Everything that people can do, on a member and on a follower.
func TestThePastIsAReplayOfTheChain(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	for name, options := range map[string]string{
		"fees held":   `,"fee_ppm":1500,"schedule":{"transactions":20,"every":"10m"}`,
		"fees burned": `,"fee_ppm":1500,"fees":"burn","schedule":{"every":"30m","empty":false}`,
		"no fees":     `,"fee_ppm":0,"schedule":{"every":"30m"}`,
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(8, 20261128))
			r := newRig(t)
			liveInTown(t, r, newTown(options, true), rng, 600)
			require.Greater(t, replayPast(t, r.store, "aka", never), 50)
			follower := newFollowerRig(t)
			blocks := blocksOf(t, r.store, "aka")
			for !follower.step("aka", blocks, 1+rng.IntN(9), rng.IntN) {
			}
			replayPast(t, follower.store, "aka", func() bool { return rng.IntN(4) > 0 })
			require.NoError(t, follower.store.Close())
		})
	}
}

// What nobody has noted is read some at a time, and what has been read is noted: of
// a wallet that records name, and of the one that has the fees.
func TestThePastOfAStoreWithoutNotesIsReadInSteps(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	const records = 2*pastRecords + 5000
	dir := filepath.Join(t.TempDir(), "state")
	s, err := store.Open(store.Config{Dir: dir, NoteEvery: math.MaxUint64})
	require.NoError(t, err)
	m := New(s)
	apply := func(q command.Request) {
		_, err := m.Apply(s.AppliedIndex()+1, 1_800_000_000*second, [][]byte{command.Encode(q)})
		require.NoError(t, err)
	}
	apply(&command.Create{Contract: []byte(`{"token":"aka","wallets":"open","schedule":{"transactions":1000}}`)})
	for n := 0; n < records; n += 1000 {
		txs := make([]chain.Transaction, 1000)
		for i := range txs {
			txs[i] = transfer(fmt.Sprint("key", n+i), "busy", "b", 1_000_000)
		}
		apply(submitRequest("aka", txs...))
	}
	require.NoError(t, s.Sync(context.Background()))
	length := mustInfo(t, s, "aka").Length
	for _, name := range []string{"busy", chain.OpenBPSC} {
		want, err := s.Account("aka", name)
		require.NoError(t, err)
		for range 2 {
			_, err := AccountAt(s, "aka", name, length)
			require.ErrorIs(t, err, chain.ErrUnfinished)
		}
		for range 2 {
			got, err := AccountAt(s, "aka", name, length)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
	require.NoError(t, s.Close())
	s, err = store.Open(store.Config{Dir: dir, ReadOnly: true})
	require.NoError(t, err)
	_, err = AccountAt(s, "aka", "busy", length)
	require.NoError(t, err, "its notes are on the disk")
	_, err = AccountAt(s, "aka", "b", length)
	require.ErrorIs(t, err, chain.ErrUnfinished)
	_, err = AccountAt(s, "aka", "busy", length+1)
	require.ErrorIs(t, err, chain.NotFound)
	require.NoError(t, s.Close())
}

// The mark of a recovery moves nothing, whoever's past leads over it.
func TestThePastLeadsOverARecovery(t *testing.T) {
	r := burnt(t)
	require.Empty(t, r.send("k1", "a", "b", 1_000_000).Refused)
	require.Empty(t, r.apply(lost())[0].Refused)
	require.Empty(t, r.send("k2", "a", "b", 1_000_000).Refused)
	r.now += 3600 * second
	r.apply()
	texts, _ := r.recoveries("aka")
	require.Len(t, texts, 1)
	replayPast(t, r.store, "aka", never)
	replayPast(t, r.store, "gold", never)
}
