package store

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store/history"
)

var historyNames = []string{"a", "ab", "abc", "ünï\x00code", "a\x00", "\"", "\\", `"sender": "a`, `x", "sender": "a`, "kind", chain.OpenBPSC}

var historyMemos = []string{"", "m", `", "sender": "a"}, {`, `"kind": "burn"`, `"transactions": [`, "\\", "\"\\\"", "ünï😀\x00"}

var historyKinds = []chain.Kind{chain.Transfer, chain.Hold, chain.Delivery, chain.Refund, chain.Issue, chain.Rules, chain.Spend, chain.Burn}

func drawRecord(t *rapid.T) chain.Record {
	name := rapid.SampledFrom(historyNames)
	r := chain.Record{
		Kind: rapid.SampledFrom(historyKinds).Draw(t, "kind"), BPSC: chain.OpenBPSC, Sender: name.Draw(t, "sender"),
		ID: chain.DeriveID([]byte{rapid.Byte().Draw(t, "id")}), HasMemo: true, Memo: rapid.SampledFrom(historyMemos).Draw(t, "memo"),
	}
	switch r.Kind {
	case chain.Rules:
		r.Rules = &chain.RulesChange{Account: rapid.SampledFrom(append(historyNames, "")).Draw(t, "account"), Frozen: new(bool)}
		if r.Rules.Account == "" {
			r.Rules = &chain.RulesChange{PerDay: new(chain.Amount)}
		}
	case chain.Burn:
		r.Amount = 3
	default:
		r.Recipient, r.AmountSend, r.AmountRefund = name.Draw(t, "recipient"), 2, 2
	}
	if rapid.Bool().Draw(t, "signed") {
		r.Auth = &chain.Auth{Nonce: "00", Expires: 5}
		r.Request, r.Time = chain.Transfer, 1_800_000_000_000_000
	}
	return r
}

// live adds records and blocks, and lets happen what does in a member's life.
func (r *historyRig) live(t *rapid.T) {
	switch rapid.IntRange(0, 13).Draw(t, "what") {
	case 0, 1, 2:
		r.produce()
	case 3:
		require.NoError(t, r.store.Close())
		r.open()
	case 4:
		require.NoError(t, r.store.Abandon())
		r.open()
	case 5:
		dir := filepath.Join(r.dir, "snapshot")
		require.NoError(t, r.store.Snapshot(context.Background(), dir))
		require.NoError(t, r.store.Restore(dir))
		require.NoError(t, r.files.RemoveAll(dir))
	case 6: // rows have epochs from here on
		r.update(func(tx *Tx) { tx.SetLevel(release.For(release.Access)) })
	default:
		r.add(rapid.SliceOfN(rapid.Custom(drawRecord), 1, 8).Draw(t, "records")...)
	}
}

func drawQuery(t *rapid.T) (account string, q chain.HistoryQuery) {
	q = chain.HistoryQuery{
		Direction:   rapid.SampledFrom([]chain.Direction{chain.AnyDirection, chain.AnyDirection, chain.In, chain.Out}).Draw(t, "direction"),
		OldestFirst: rapid.Bool().Draw(t, "oldest first"),
		Limit:       rapid.IntRange(1, 12).Draw(t, "limit"),
		Kinds:       rapid.SliceOfN(rapid.SampledFrom(historyKinds), 0, 3).Draw(t, "kinds"),
	}
	return rapid.SampledFrom(append(historyNames, "nobody", "")).Draw(t, "account"), q
}

// bounded asks with little work allowed, so that pages come short; 0 is what is usual.
func (r *historyRig) bounded(account string, q chain.HistoryQuery, budget, bytes int) chain.HistoryPage {
	w, err := history.New(&q, account)
	require.NoError(r.t, err)
	w.Budget, w.Bytes = cmp.Or(budget, w.Budget), cmp.Or(bytes, w.Bytes)
	page, err := r.store.history("aka", w)
	require.NoError(r.t, err)
	if q.Before != "" {
		slices.Reverse(page.Records)
		page.Next, page.Prev = page.Prev, page.Next
	}
	return page
}

func TestEveryHistoryEqualsAFullScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newHistoryRig(t, rapid.SampledFrom([]int{1, 2000, 10_000, 1 << 20}).Draw(t, "layer"))
		defer func() { _ = r.store.Close() }()
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			r.live(t)
			if rapid.IntRange(0, 3).Draw(t, "ask in between") == 0 {
				account, q := drawQuery(t)
				r.checkPages(t, account, q)
			}
		}
		for range 10 {
			account, q := drawQuery(t)
			r.checkPages(t, account, q)
		}
	})
}

// checkPages reads all pages to the end, and from each all the way back.
func (r *historyRig) checkPages(t *rapid.T, account string, q chain.HistoryQuery) {
	want := matching(r.scan(), account, q)
	if account == "" {
		want = nil
	}
	budget := rapid.SampledFrom([]int{0, 20, 50}).Draw(t, "budget")
	bytes := rapid.SampledFrom([]int{0, 1, 3000}).Draw(t, "bytes")
	var got []chain.HistoryRecord
	for {
		page := r.bounded(account, q, budget, bytes)
		require.LessOrEqual(t, len(page.Records), q.Limit)
		r.checkBack(t, account, q, page.Prev, got)
		if q.After == "" {
			require.Empty(t, page.Prev)
		}
		got = append(got, page.Records...)
		if page.Next == "" {
			break
		}
		require.NotEqual(t, q.After, page.Next, "no way forward")
		q.After = page.Next
	}
	require.Equal(t, want, got)
	for i := range got { // the cursor of a record, wherever it stands
		q.After, q.Before = got[i].Cursor, ""
		page, err := r.store.History("aka", account, q)
		require.NoError(t, err)
		require.Equal(t, append([]chain.HistoryRecord{}, got[i+1:min(len(got), i+1+q.Limit)]...), append([]chain.HistoryRecord{}, page.Records...))
		require.Equal(t, i+1+q.Limit >= len(got), page.Next == "")
		if i == 3 {
			return
		}
	}
}

// checkBack reads back from a Prev cursor to the beginning.
func (r *historyRig) checkBack(t *rapid.T, account string, q chain.HistoryQuery, prev string, want []chain.HistoryRecord) {
	q.After = ""
	var got []chain.HistoryRecord
	for prev != "" {
		q.Before = prev
		page := r.bounded(account, q, 0, 0)
		require.NotEmpty(t, page.Next)
		got = append(slices.Clone(page.Records), got...)
		prev = page.Prev
	}
	require.Equal(t, append([]chain.HistoryRecord{}, want...), append([]chain.HistoryRecord{}, got...))
}
