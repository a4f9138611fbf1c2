package fsm

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/e2e/verify"
)

var modelTokens = []string{"aka", "count", "time", "both", "one"}

func TestAFollowersStoreIsAMembersStore(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "draw") }
		member := newReplica(t)
		last := chain.Micros(0)
		for _, s := range drawSteps(t) {
			member.apply(s)
			last = max(last, s.micros)
		}
		end := step{micros: last}
		for _, token := range modelTokens[:4] { // the fifth never has pending records
			end.requests = append(end.requests, &command.Produce{Token: token})
		}
		member.apply(end)
		follower := newFollowerRig(t)
		left := append([]string(nil), modelTokens...)
		for len(left) > 0 {
			i := draw(len(left))
			if follower.step(left[i], blocksOf(t, member.store, left[i]), 1+draw(9), draw) {
				left = append(left[:i], left[i+1:]...)
			}
		}
		for _, token := range modelTokens {
			for !follower.step(token, blocksOf(t, member.store, token), 9, func(int) int { return 7 }) {
			} // what a crash took away after all
			requireSame(t, member.store, follower.store, token)
		}
		require.NoError(t, member.store.Close())
		require.NoError(t, follower.store.Close())
	})
}

// TestAFollowersStoreOfASignedChain has all kinds of records, real signatures,
// and holds that are open at the end.
func TestAFollowersStoreOfASignedChain(t *testing.T) {
	operations := 4000
	if testing.Short() {
		operations = 800
	}
	for name, c := range map[string]struct {
		options string
		kinds   int
	}{
		"fees held":   {`,"fee_ppm":1500,"schedule":{"transactions":20,"every":"10m"}`, 8},
		"fees burned": {`,"fee_ppm":1500,"fees":"burn","schedule":{"every":"30m","empty":false}`, 6}, // none to spend or burn
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 20261122))
			r := newRig(t)
			kinds := liveInTown(t, r, newTown(c.options, true), rng, operations)
			require.Len(t, kinds, c.kinds, "every kind of record: %v", kinds)
			blocks := blocksOf(t, r.store, "aka")
			_, err := verify.Check(blocks)
			require.NoError(t, err)
			follower := newFollowerRig(t)
			for !follower.step("aka", blocks, 1+rng.IntN(30), rng.IntN) {
			}
			requireSame(t, r.store, follower.store, "aka")
			require.NotZero(t, mustInfo(t, follower.store, "aka").OpenHolds)
			require.NoError(t, follower.store.Close())
		})
	}
}

// liveInTown lets people do all that they can do, and returns which kinds of
// records came of it.
func liveInTown(t *testing.T, r *rig, w *town, rng *rand.Rand, operations int) map[chain.Kind]int {
	require.Empty(t, r.create(w.contract).Refused)
	w.chainID = mustInfo(t, r.store, "aka").ID
	w.model = newSignedModel(w.c)
	var holds []chain.ID
	for done := 0; done < operations; {
		r.now += chain.Micros(rng.Int64N(120 * second))
		w.model.tick(r.now)
		batch := make([]chain.Transaction, 1+rng.IntN(40))
		for i := range batch {
			batch[i] = w.transaction(rng.IntN, r.now, holds)
		}
		answers := r.apply(submitRequest("aka", batch...))[0].Outcomes
		for i := range batch {
			checkAnswer(t, w.model, &batch[i], answers[i])
		}
		holds = w.newHolds(holds, batch)
		done += len(batch)
	}
	r.apply(&command.Produce{Token: "aka"})
	kinds := map[chain.Kind]int{}
	for _, canonical := range blocksOf(t, r.store, "aka") {
		b, err := chain.DecodeBlock(canonical, w.c.Decimals)
		require.NoError(t, err)
		for i := range b.Records {
			kinds[b.Records[i].Kind]++
		}
	}
	return kinds
}

func TestChainsAreAdoptedSideBySide(t *testing.T) {
	r := newRig(t)
	for _, c := range contracts {
		require.Empty(t, r.create(c).Refused)
	}
	for i := range 200 {
		for _, token := range modelTokens {
			r.apply(submitRequest(token, transfer(token+string(rune('0'+i)), "w1", "w2", 1_000_000)))
		}
		r.now += second / 10
	}
	for _, token := range modelTokens[:4] {
		r.apply(&command.Produce{Token: token})
	}
	follower := newFollowerRig(t)
	var wg sync.WaitGroup
	for _, token := range modelTokens {
		blocks := follower.check(token, blocksOf(t, r.store, token))
		wg.Go(func() {
			for len(blocks) > 0 {
				n, err := follower.Adopt(token, blocks[:min(7, len(blocks))])
				if err != nil {
					t.Error(err)
					return
				}
				blocks = blocks[n:]
			}
		})
	}
	wg.Wait()
	for _, token := range modelTokens {
		requireSame(t, r.store, follower.store, token)
	}
	require.NoError(t, follower.store.Close())
}
