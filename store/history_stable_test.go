package store

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
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
		r.add(list...)
		r.produce()
	}
	for _, oldest := range []bool{true, false} {
		q := chain.HistoryQuery{Kinds: []chain.Kind{chain.Burn}, OldestFirst: oldest}
		calls := 0
		for more := true; more; calls++ {
			page, err := r.store.History("aka", "a", q)
			require.NoError(t, err)
			require.Empty(t, page.Records)
			q.After, more = page.Next, page.Next != ""
		}
		require.Greater(t, calls, blocks*size/historyBudget)
		require.Less(t, calls, 10)
	}
	// What is read for a page is bounded, wherever its records stand.
	require.NoError(t, r.store.Sync(t.Context()))
	w, err := newWalk(&chain.HistoryQuery{}, "a")
	require.NoError(t, err)
	require.NoError(t, r.store.beginWalk("aka", w))
	for b := range blocks {
		w.found = append(w.found, posting{at: placeOf(uint64(b)+2, 5), tags: tags(chain.RoleSender)})
	}
	w.bytes = 5 * 10_000
	list5, n, err := r.store.readFound("aka", w)
	require.NoError(t, err)
	require.Len(t, list5, n)
	require.Less(t, n, 8)
	require.Greater(t, n, 3)
}

func TestBadHistoryQueriesAreRefused(t *testing.T) {
	r := newHistoryRig(t, 0)
	defer func() { require.NoError(t, r.store.Close()) }()
	good := placeOf(1, 0).cursor()
	for name, q := range map[string]chain.HistoryQuery{
		"a limit below none":  {Limit: -1},
		"a limit too high":    {Limit: maxHistoryPage + 1},
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
			page := r.bounded(account, q, rapid.SampledFrom([]int{historyBudget, 20}).Draw(t, "budget"), historyBytes)
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
	ask := func(at place) (errs [4]error) {
		for i := range errs {
			q := chain.HistoryQuery{OldestFirst: i%2 == 0}
			if q.After = at.cursor(); i >= 2 {
				q.After, q.Before = "", q.After
			}
			_, errs[i] = r.store.History("aka", "a", q)
		}
		return errs
	}
	for _, at := range []place{firstPlace, placeOf(1, 0), placeOf(2, 0), placeOf(2, 1<<positionBits-1), placeOf(3, 0), placeOf(3, 2)} {
		require.Equal(t, [4]error{}, ask(at), "%x", at)
	}
	for _, at := range []place{placeOf(3, 3), placeOf(3, 1<<positionBits-1), placeOf(4, 0), placeOf(1<<40, 7), lastPlace} {
		for _, err := range ask(at) {
			require.ErrorIs(t, err, chain.ErrBeyond, "%x", at)
		}
	}
}

// TestNamesThatFallTogetherStayApart lets two names share their postings, as if
// their hashes did.
func TestNamesThatFallTogetherStayApart(t *testing.T) {
	r := newHistoryRig(t, 0)
	defer func() { require.NoError(t, r.store.Close()) }()
	r.add(transferRecord(0, "a", "d"), transferRecord(1, "b", "c"))
	r.produce()
	a, b := hashAccount(0, []byte("a")), hashAccount(0, []byte("b"))
	l := r.store.active
	_, blocks := l.unindexed()
	l.index.extend(0, blocks)
	for i := range l.index.postings {
		if l.index.postings[i].hash == b {
			l.index.postings[i].hash = a
		}
	}
	page, err := r.store.History("aka", "a", chain.HistoryQuery{})
	require.NoError(t, err)
	require.Len(t, page.Records, 1)
	require.Equal(t, "a", page.Records[0].Record.Sender)
}
