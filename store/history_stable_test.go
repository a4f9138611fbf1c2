package store

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/history"
)

// TestPagesStayTrueWhileTheChainGrows reads while another goroutine writes and
// the flusher flushes: what was there at the start is read exactly once, and
// going up, all that came.
func TestPagesStayTrueWhileTheChainGrows(t *testing.T) {
	r := newHistoryRig(t, 20_000)
	defer func() { require.NoError(t, r.store.Close()) }()
	const records = 3000
	write := func(from, to int) {
		for i := from; i < to; i++ {
			r.add(transferRecord(i, "a", fmt.Sprint("b", i%7)))
			if i%13 == 0 {
				r.produce()
			}
		}
	}
	write(0, records/2)
	there := r.scan()
	ended := make(chan struct{})
	go func() { defer close(ended); write(records/2, records) }()
	down := r.readAll("a", chain.HistoryQuery{Limit: 100}, nil)
	up := r.readAll("a", chain.HistoryQuery{Limit: 100, OldestFirst: true}, ended)
	require.Len(t, up, records)
	require.True(t, slices.IsSortedFunc(up, func(a, b chain.HistoryRecord) int { return cmp.Compare(place1(a), place1(b)) }))
	slices.Reverse(down)
	require.GreaterOrEqual(t, len(down), len(there))
	for i := range there {
		require.Equal(t, there[i].Record, down[i].Record)
		require.Equal(t, place1(there[i]), place1(down[i]))
	}
	for i := range up {
		require.Equal(t, chain.DeriveID([]byte(fmt.Sprint(i))), up[i].Record.ID)
	}
}

// readAll reads all pages; while more may come, which ended tells, it goes on
// behind the last record.
func (r *historyRig) readAll(account string, q chain.HistoryQuery, ended chan struct{}) (all []chain.HistoryRecord) {
	for last := ended == nil; ; {
		page, err := r.store.History("aka", account, q)
		require.NoError(r.t, err)
		all = append(all, page.Records...)
		switch {
		case page.Next != "":
			q.After = page.Next
		case last:
			return all
		default:
			select {
			case <-ended:
				last = true
			default:
			}
			if len(all) > 0 {
				q.After = all[len(all)-1].Cursor
			}
		}
	}
}

func TestAHistoryCallDoesBoundedWork(t *testing.T) {
	r := newHistoryRig(t, 0)
	defer func() { require.NoError(t, r.store.Close()) }()
	const blocks, size = 12, chain.MaxBlockRecords
	list := make([]chain.Record, size)
	for b := range blocks {
		for i := range list {
			list[i] = transferRecord(b*size+i, "a", "b")
		}
		list[5].Recipient = "rare"
		r.add(list...)
		r.produce()
	}
	w, err := history.New(&chain.HistoryQuery{}, "rare")
	require.NoError(t, err)
	for _, oldest := range []bool{true, false} {
		q := chain.HistoryQuery{Kinds: []chain.Kind{chain.Burn}, OldestFirst: oldest}
		calls := 0
		for more := true; more; calls++ {
			page, err := r.store.History("aka", "a", q)
			require.NoError(t, err)
			require.Empty(t, page.Records)
			q.After, more = page.Next, page.Next != ""
		}
		require.Greater(t, calls, blocks*size/w.Budget)
		require.Less(t, calls, 10)
	}
	// What is read for a page is bounded, wherever its records stand.
	require.NoError(t, r.store.Sync(t.Context()))
	w.Bytes = 5 * 10_000
	page, err := r.store.history("aka", w)
	require.NoError(t, err)
	require.Less(t, len(page.Records), 8)
	require.Greater(t, len(page.Records), 3)
	require.NotEmpty(t, page.Next)
}

func TestBadHistoryQueriesAreRefused(t *testing.T) {
	r := newHistoryRig(t, 0)
	defer func() { require.NoError(t, r.store.Close()) }()
	good := history.PlaceOf(1, 0).Cursor()
	for name, q := range map[string]chain.HistoryQuery{
		"a limit below none":  {Limit: -1},
		"a limit too high":    {Limit: history.MaxPage + 1},
		"both cursors":        {After: good, Before: good},
		"a kind of requests":  {Kinds: []chain.Kind{chain.Accept}},
		"no kind":             {Kinds: []chain.Kind{""}},
		"no such direction":   {Direction: "up"},
		"a cursor of rubbish": {After: "!"},
		"a short cursor":      {Before: good[:8]},
		"a padded cursor":     {After: good + "="},
		"another version":     {After: "Ag" + good[2:]},
	} {
		_, err := r.store.History("aka", "a", q)
		require.ErrorIs(t, err, chain.InvalidField, name)
	}
	_, err := r.store.History("nope", "a", chain.HistoryQuery{})
	require.ErrorIs(t, err, chain.ContractUnknown)
}

// TestCursorsLeadOnForEver gathers all cursors that a chain hands out while it
// grows and its store is flushed, closed and killed, and uses any of them again,
// either way.
func TestCursorsLeadOnForEver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newHistoryRig(t, rapid.SampledFrom([]int{1, 2000, 1 << 20}).Draw(t, "layer"))
		defer func() { _ = r.store.Close() }()
		cursors := []string{""}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if rapid.IntRange(0, 2).Draw(t, "live") == 0 {
				r.live(t)
			}
			account, q := drawQuery(t)
			side := rapid.SampledFrom([]*string{&q.After, &q.Before}).Draw(t, "side")
			*side = rapid.SampledFrom(cursors).Draw(t, "cursor")
			page := r.bounded(account, q, rapid.SampledFrom([]int{0, 20}).Draw(t, "budget"), 0)
			for _, c := range append(cursorsOf(page), page.Next, page.Prev) {
				if c != "" {
					cursors = append(cursors, c)
				}
			}
		}
	})
}

func cursorsOf(page chain.HistoryPage) (list []string) {
	for i := range page.Records {
		list = append(list, page.Records[i].Cursor)
	}
	return list
}

func TestCursorsBeyondTheChainAreRefused(t *testing.T) {
	r := newHistoryRig(t, 0)
	defer func() { require.NoError(t, r.store.Close()) }()
	r.add(transferRecord(0, "a", "b"))
	r.produce()
	r.add(transferRecord(1, "a", "b"), transferRecord(2, "a", "b")) // 0 and 1 of block 3
	ask := func(at history.Place) (errs [4]error) {
		for i := range errs {
			q := chain.HistoryQuery{OldestFirst: i%2 == 0}
			if q.After = at.Cursor(); i >= 2 {
				q.After, q.Before = "", q.After
			}
			_, errs[i] = r.store.History("aka", "a", q)
		}
		return errs
	}
	for _, at := range []history.Place{1, history.PlaceOf(1, 0), history.PlaceOf(2, 0), history.PlaceOf(2, 1<<16-1), history.PlaceOf(3, 0), history.PlaceOf(3, 2)} {
		require.Equal(t, [4]error{}, ask(at), "%x", at)
	}
	for _, at := range []history.Place{history.PlaceOf(3, 3), history.PlaceOf(3, 1<<16-1), history.PlaceOf(4, 0), history.PlaceOf(1<<40, 7), math.MaxUint64 - 1} {
		for _, err := range ask(at) {
			require.ErrorIs(t, err, chain.ErrBeyond, "%x", at)
		}
	}
}
