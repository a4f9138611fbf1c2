package fsm

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
)

// What Apply does is the same whether the entry was prepared, and when it was: before
// there was the contract, or after other entries.
func TestPreparedEntriesComeToTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plain, ahead := newRig(t), newRig(t)
		defer func() { require.NoError(t, errors.Join(plain.store.Close(), ahead.store.Close())) }()
		create := command.Encode(&command.Create{Contract: []byte(`{"token":"aka","decimals":2,"fee_ppm":500000,"wallets":"open","schedule":{"transactions":7}}`)})
		entries := [][][]byte{{create}}
		for range rapid.IntRange(1, 6).Draw(rt, "entries") {
			var requests [][]byte
			for range rapid.IntRange(0, 3).Draw(rt, "requests") {
				requests = append(requests, drawnRequest(rt))
			}
			entries = append(entries, requests)
		}
		entries = append(entries, [][]byte{command.Encode(&command.Produce{Token: "aka"})}) // all comes into a digest
		prepared := make([]any, len(entries))
		for i, requests := range entries { // some too early, and some never
			if rapid.Bool().Draw(rt, "early") {
				prepared[i] = ahead.Prepare(requests)
			}
		}
		for i, requests := range entries {
			if rapid.Bool().Draw(rt, "in time") {
				prepared[i] = ahead.Prepare(requests)
			}
			index := uint64(i) + 1
			want, err := plain.Apply(index, int64(plain.now), requests)
			require.NoError(t, err)
			got, err := ahead.ApplyPrepared(index, int64(plain.now), requests, prepared[i])
			require.NoError(t, err)
			for k := range requests {
				require.Equal(t, want(k), got(k), "entry %d, request %d", i, k)
			}
		}
		require.Equal(t, blocksOf(t, plain.store, "aka"), blocksOf(t, ahead.store, "aka"))
		p, a := mustInfo(t, plain.store, "aka"), mustInfo(t, ahead.store, "aka")
		require.Equal(t, p, a)
		was, none := plain.store.Digest("aka", p.Length) // none where nothing moved
		is, err := ahead.store.Digest("aka", p.Length)
		require.Equal(t, none, err)
		require.Equal(t, was, is)
	})
}

// drawnRequest is a request that may be right, be wrong, come again, or be of no contract.
func drawnRequest(rt *rapid.T) []byte {
	if rapid.IntRange(0, 9).Draw(rt, "produce") == 0 {
		return command.Encode(&command.Produce{Token: "aka"})
	}
	names := rapid.SampledFrom([]string{"a", "b", "c", "", "wide \u00e9", strings.Repeat("x", chain.MaxNameBytes+1), chain.OpenBPSC})
	var txs []chain.Transaction
	for range rapid.IntRange(0, 8).Draw(rt, "transactions") {
		t := transfer(fmt.Sprint("key", rapid.IntRange(0, 20).Draw(rt, "key")), names.Draw(rt, "from"), names.Draw(rt, "to"),
			rapid.SampledFrom([]chain.Amount{0, 1, 2, 100, chain.MaxUnits}).Draw(rt, "amount"))
		t.Memo = rapid.SampledFrom([]string{"", "for May"}).Draw(rt, "memo")
		txs = append(txs, t)
	}
	return command.Encode(submitRequest(rapid.SampledFrom([]string{"aka", "aka", "aka", "other"}).Draw(rt, "token"), txs...))
}

// A state that replaces another one has contracts of its own: what was written under
// the others counts for nothing.
func TestWhatWasPreparedForAnotherStateIsNotUsed(t *testing.T) {
	one, other := newRig(t), newRig(t)
	require.Empty(t, one.create(`{"token":"aka","wallets":"open","fee_ppm":50}`).Refused)
	require.Empty(t, other.create(`{"token":"aka","wallets":"open","fee_ppm":500}`).Refused)
	requests := [][]byte{command.Encode(submitRequest("aka", transfer("k", "a", "b", 1_000_000)))}
	ahead := one.Prepare(requests)
	cp := filepath.Join(t.TempDir(), "cp")
	require.NoError(t, other.Snapshot(t.Context(), cp))
	require.NoError(t, one.Restore(cp))
	_, err := one.ApplyPrepared(2, int64(one.now), requests, ahead)
	require.NoError(t, err)
	account, err := one.store.Account("aka", "b")
	require.NoError(t, err)
	require.Equal(t, chain.Amount(999_500), account.Balance)
	one.index = 2
	one.apply(&command.Produce{Token: "aka"})
	one.audit("aka")
}
