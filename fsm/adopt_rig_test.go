package fsm

import (
	"bytes"
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// followerRig is a store outside the cluster, and what fills it.
type followerRig struct {
	t     require.TestingT
	files vfs.FS
	store *store.Store
	*Adopter
}

func newFollowerRig(t require.TestingT) *followerRig {
	r := &followerRig{t: t, files: vfs.NewMem()}
	r.open()
	return r
}

func (r *followerRig) open() {
	s, err := store.Open(store.Config{Dir: "follower", LayerBytes: 4 << 10, Log: true, NoteEvery: testNotes, FilterBytes: testFilter, FS: r.files})
	require.NoError(r.t, err)
	r.store, r.Adopter = s, NewAdopter(s)
}

// length is how many blocks of a chain the store has.
func (r *followerRig) length(token string) uint64 {
	info, err := r.store.Contract(token)
	if errors.Is(err, chain.ContractUnknown) {
		return 0
	}
	require.NoError(r.t, err)
	return info.Length
}

// check is CheckBlock of blocks that follow one another, those before of which
// the store has.
func (r *followerRig) check(token string, blocks [][]byte) (list []chain.Checked) {
	info, err := r.store.Contract(token)
	contract := &info.Contract
	if err != nil {
		contract = nil
	}
	for _, canonical := range blocks {
		c, err := chain.CheckBlock(canonical, contract, info.ID)
		require.NoError(r.t, err)
		if contract == nil {
			contract, info.ID = c.Block.Contract, c.Hash
		}
		list = append(list, c)
	}
	return list
}

// step adopts up to n more of a chain's blocks and then lives through what
// happens to a follower; done when it has them all.
func (r *followerRig) step(token string, blocks [][]byte, n int, draw chance) (done bool) {
	next := blocks[r.length(token):]
	next = next[:min(n, len(next))]
	adopted, err := r.Adopt(token, r.check(token, next))
	require.NoError(r.t, err)
	require.Len(r.t, next, adopted)
	length := r.length(token)
	switch draw(8) {
	case 0:
		require.NoError(r.t, r.store.Abandon())
		r.open()
	case 1:
		require.NoError(r.t, r.store.Close())
		r.open()
		require.Equal(r.t, length, r.length(token))
	case 2:
		require.NoError(r.t, r.store.Sync(context.Background()))
		require.NoError(r.t, r.store.Abandon())
		r.open()
		require.Equal(r.t, length, r.length(token))
	}
	return r.length(token) == uint64(len(blocks))
}

// blocksOf are all blocks of a chain.
func blocksOf(t require.TestingT, s *store.Store, token string) (blocks [][]byte) {
	require.NoError(t, s.Blocks(token, 1, 0, func(_ uint64, canonical []byte) error {
		blocks = append(blocks, bytes.Clone(canonical))
		return nil
	}))
	return blocks
}

// requireSame compares what two stores answer about a chain without pending
// records: all that is in its blocks or follows from them.
func requireSame(t require.TestingT, member, follower *store.Store, token string) {
	info := mustInfo(t, member, token)
	require.Zero(t, info.Pending)
	require.Equal(t, info, mustInfo(t, follower, token))
	blocks := blocksOf(t, member, token)
	require.Equal(t, blocks, blocksOf(t, follower, token))
	names := map[string]bool{info.Contract.BPSC: true, info.Contract.Issuer: true}
	for _, canonical := range blocks {
		b, err := chain.DecodeBlock(canonical, info.Contract.Decimals)
		require.NoError(t, err)
		for i := range b.Records {
			r := &b.Records[i]
			names[r.Sender], names[r.Recipient] = true, true
			if r.Rules != nil {
				names[r.Rules.Account] = true
			}
			requireSameRecord(t, member, follower, token, r)
		}
	}
	for name := range names {
		want, err := member.Account(token, name)
		require.NoError(t, err)
		got, err := follower.Account(token, name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
		wantPage, err := member.History(token, name, chain.HistoryQuery{Limit: 1000})
		require.NoError(t, err)
		gotPage, err := follower.History(token, name, chain.HistoryQuery{Limit: 1000})
		require.NoError(t, err)
		require.Equal(t, wantPage, gotPage, name)
		for _, role := range []chain.HoldRole{chain.HoldRecipient, chain.HoldSender} {
			require.Equal(t, allOpenHolds(t, member, token, name, role), allOpenHolds(t, follower, token, name, role), name)
		}
	}
}

func requireSameRecord(t require.TestingT, member, follower *store.Store, token string, r *chain.Record) {
	want, err := member.Transaction(token, r.ID)
	require.NoError(t, err)
	got, err := follower.Transaction(token, r.ID)
	require.NoError(t, err)
	got.AppliedIndex = want.AppliedIndex // each store's own
	require.Equal(t, want, got)
	if r.Kind != chain.Hold {
		return
	}
	wantHold, err := member.Hold(token, r.ID)
	require.NoError(t, err)
	gotHold, err := follower.Hold(token, r.ID)
	require.NoError(t, err)
	require.Equal(t, wantHold, gotHold)
}
