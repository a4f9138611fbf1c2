package store

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/filter"
	"github.com/bpsc/bpsc/store/keys"
)

const testEpoch = 4 // records

// idRig is a store whose ids are decided one after the other.
type idRig struct {
	t    *testing.T
	cfg  Config
	s    *Store
	next int
}

func newIDRig(t *testing.T, log bool) *idRig {
	r := &idRig{t: t, cfg: Config{Dir: "state", FS: vfs.NewMem(), Log: log, FilterBytes: testFilter, EpochRecords: testEpoch}}
	r.open()
	t.Cleanup(func() { require.NoError(t, r.s.Close()) })
	r.update(func(tx *Tx) {
		c, err := chain.DecodeContract([]byte(`{"wallets":"open"}`))
		require.NoError(t, err)
		seal(tx.CreateChain(c), tx)
	})
	return r
}

func (r *idRig) open() {
	var err error
	r.s, err = Open(r.cfg)
	require.NoError(r.t, err)
}

func (r *idRig) update(change func(*Tx)) {
	require.NoError(r.t, r.s.Update(r.s.AppliedIndex()+1, func(tx *Tx) error { change(tx); return nil }))
}

// decide decides so many ids, every third of which is refused, and writes them.
func (r *idRig) decide(n int) {
	for range n {
		r.update(func(tx *Tx) {
			h := tx.Head("aka")
			if p := r.placement(); p.Refused == "" {
				h.Records++
			}
			tx.SetPlacement(h, r.id(r.next), r.placement())
		})
		r.next++
	}
	require.NoError(r.t, r.s.Sync(r.t.Context()))
}

func (r *idRig) id(i int) chain.ID { return chain.DeriveID([]byte(fmt.Sprint(i))) }

func (r *idRig) placement() Placement { return r.placementOf(r.next) }

func (r *idRig) placementOf(i int) Placement {
	if i%3 == 2 {
		return Placement{Refused: chain.AmountTooSmall, Content: Fingerprint{byte(i)}}
	}
	return Placement{Block: uint64(1 + i), Position: i, Content: Fingerprint{1}}
}

// mustKnow looks for each id without the layers, and with the filter and without. In a short
// run it is one in 13 of many: with the race detector Pebble notes the whole stack of each
// iterator.
func (r *idRig) mustKnow() {
	r.t.Helper()
	step := 1
	if testing.Short() && r.next > 200 {
		step = 13
	}
	<-r.s.ids.Filled()
	whole := r.s.ids
	never := filter.New(filter.Size{Least: testFilter}, 0, func(context.Context, func(keys.ID)) error { return engine.ErrCorrupt })
	for _, f := range []*filter.Filter{whole, never} {
		r.s.ids = f
		r.update(func(tx *Tx) {
			h := tx.Head("aka")
			for i := 0; i < r.next; i += step {
				p, known := tx.Placement(h, r.id(i))
				require.True(r.t, known, "id %d of %d", i, r.next)
				require.Equal(r.t, r.placementOf(i), p)
			}
			_, known := tx.Placement(h, r.id(r.next))
			require.False(r.t, known)
		})
	}
	r.s.ids = whole
}

// tables counts the rows of ids in Pebble: those without an epoch, and those of each.
func (r *idRig) tables() (without int, with map[uint32]int) {
	with = map[uint32]int{}
	require.NoError(r.t, engine.Scan(r.s.db, []byte{keys.IDTable}, func(_, _ []byte) error { without++; return nil }))
	require.NoError(r.t, engine.Scan(r.s.db, []byte{keys.EpochIDTable}, func(key, _ []byte) error {
		with[keys.ContractOf(key[4:])]++
		return nil
	}))
	return without, with
}

// What a release before epochs has written is found among what comes later, whichever
// epoch it is in, and after a restart.
func TestIDsAreFoundInEveryEpoch(t *testing.T) {
	r := newIDRig(t, false)
	r.decide(9)
	require.Equal(t, format, r.s.meta.Format, "the release before opens it")
	r.update(func(tx *Tx) { tx.SetLevel(release.For(release.Access)) })
	for range 10 {
		r.decide(3)
		r.mustKnow()
	}
	without, with := r.tables()
	require.Equal(t, 9, without)
	require.Greater(t, len(with), 3, "epochs")
	require.Equal(t, epochFormat, r.s.meta.Format)
	require.NoError(t, r.s.Close())
	r.open()
	r.mustKnow()
	require.Equal(t, epochFormat, r.s.meta.Format)
}

// A follower has no levels: its rows have epochs from the start, and the format tells a
// release that does not know them.
func TestAFollowerHasEpochsAtOnce(t *testing.T) {
	r := newIDRig(t, true)
	for range 4 {
		r.decide(3)
	}
	r.mustKnow()
	without, with := r.tables()
	require.Zero(t, without)
	require.Len(t, with, 3)
	row, err := engine.Get(r.s.db, []byte(metaKey))
	require.NoError(t, err)
	m, err := decodeMeta(row)
	require.NoError(t, err)
	require.Equal(t, epochFormat, m.Format)
}

// A state with epochs is not gone on with without: histories go through the rows without one
// first.
func TestEpochsGoOnWhoeverOpensTheStore(t *testing.T) {
	r := newIDRig(t, true)
	r.decide(9)
	require.NoError(t, r.s.Close())
	r.cfg.Log = false
	r.open()
	r.decide(9)
	r.mustKnow()
	without, _ := r.tables()
	require.Zero(t, without)
}

// The rows of an epoch that is over stay where they are: a later flush has no key
// between theirs.
func TestNothingComesBetweenTheRowsOfAPastEpoch(t *testing.T) {
	r := newIDRig(t, true)
	r.decide(6)
	past := engine.After(append(keys.Prefix(keys.EpochIDTable, 0), 0, 0, 0, 0))
	count := func(lower, upper []byte) (n int) {
		it, err := r.s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
		require.NoError(t, err)
		for ok := it.First(); ok; ok = it.Next() {
			n++
		}
		require.NoError(t, it.Close())
		return n
	}
	r.decide(3)
	before := count([]byte{keys.EpochIDTable}, past)
	r.decide(30)
	require.Equal(t, before, count([]byte{keys.EpochIDTable}, past))
	require.Positive(t, count(past, []byte{keys.EpochIDTable + 1}))
}

// A filter that has become small is replaced by a larger one, and no id that was decided
// before, meanwhile or after is taken for new.
func TestTheFilterGrowsWithTheIDs(t *testing.T) {
	r := newIDRig(t, true)
	require.NoError(t, r.s.Close())
	r.cfg.FilterBytes = 64
	r.open()
	<-r.s.ids.Filled()
	larger := 0
	for range 27 {
		before := r.s.ids.Bytes()
		r.decide(20)
		r.decide(1) // while it is filled, perhaps
		<-r.s.ids.Filled()
		r.decide(1)
		if r.s.ids.Bytes() == before {
			continue
		}
		larger++
		for i := range r.next {
			require.False(t, r.s.ids.Lacks(&keys.ID{ID: r.id(i)}), "id %d", i)
		}
	}
	require.Equal(t, 4, larger, "from 40 ids on to 640, in doubles")
	require.Equal(t, 1024, r.s.ids.Bytes())
	require.NoError(t, r.s.Close())
	r.open()
	<-r.s.ids.Filled()
	require.Equal(t, 1024, r.s.ids.Bytes(), "at start it is as large as it was")
	r.mustKnow()
}

func TestTheFilterStaysBelowItsBound(t *testing.T) {
	r := newIDRig(t, true)
	require.NoError(t, r.s.Close())
	r.cfg.FilterBytes, r.cfg.MaxFilterBytes = 64, 300
	r.open()
	for range 2 {
		for range 8 {
			r.decide(50)
			<-r.s.ids.Filled()
		}
		require.Equal(t, 256, r.s.ids.Bytes())
		require.NoError(t, r.s.Close())
		r.open()
	}
	r.mustKnow()
}

// What is refused costs nobody anything, so there may be any number of such ids: the filter
// grows with these too, also where they were there at the start.
func TestTheFilterGrowsWithRefusedIDs(t *testing.T) {
	// An id that is decided while a filter is filled, and flushed before the filling comes by,
	// is counted twice: the filter may be one size larger than it had to be.
	sizes := []int{512, 1024} // bytes
	r := newIDRig(t, true)
	require.NoError(t, r.s.Close())
	r.cfg.FilterBytes = 64
	r.open()
	refuse := func(n int) {
		r.update(func(tx *Tx) {
			for range n {
				tx.SetPlacement(tx.Head("aka"), r.id(r.next), Placement{Refused: chain.AmountTooSmall})
				r.next++
			}
		})
		require.NoError(t, r.s.Sync(t.Context()))
	}
	settle := func() {
		for range 8 {
			<-r.s.ids.Filled()
			refuse(1)
		}
	}
	refuse(300)
	settle()
	require.Contains(t, sizes, r.s.ids.Bytes())
	require.NoError(t, r.s.Close())
	r.open()
	settle()
	require.Contains(t, sizes, r.s.ids.Bytes())
	for i := range r.next {
		require.False(t, r.s.ids.Lacks(&keys.ID{ID: r.id(i)}), "id %d", i)
	}
}

// Rows of a contract that is still to be created would be its accounts and ids from the
// first block on.
func TestRowsOfNoChainAreFound(t *testing.T) {
	r := newIDRig(t, true)
	r.decide(9)
	require.NoError(t, r.s.OfNoChain())
	for _, table := range contractTables {
		key := append(keys.Prefix(table, 1), "carol"...)
		require.NoError(t, r.s.db.Set(key, []byte{2, 0}, pebble.NoSync))
		require.ErrorIs(t, r.s.OfNoChain(), ErrMisplaced, "table %q", table)
		require.NoError(t, r.s.db.Delete(key, pebble.NoSync))
	}
	require.NoError(t, r.s.OfNoChain())
}

// A row that no member has put there, as in a backup that somebody made up, is an error
// of whoever reads it, and keeps the filter of ids out of use.
func TestAKeyThatIsNoIDsEndsNoProcess(t *testing.T) {
	for name, key := range map[string][]byte{
		"without an epoch":    append(keys.Prefix(keys.IDTable, 0), "carol"...),
		"with one":            append(keys.Prefix(keys.EpochIDTable, 0), 0, 0, 0, 0, 'c'),
		"with a part of one":  append(keys.Prefix(keys.EpochIDTable, 0), 0, 0),
		"no contract":         {keys.IDTable, 0},
		"no contract, behind": {keys.EpochIDTable, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			r := newIDRig(t, true)
			r.decide(9)
			require.NoError(t, r.s.db.Set(key, []byte{2, 0}, pebble.NoSync))
			f := filter.New(filter.Size{Least: testFilter}, 0, decidedIn(r.s.db))
			<-f.Filled()
			require.False(t, f.Lacks(&keys.ID{ID: r.id(r.next)}), "a new one")
			err := errors.Join(r.s.Decided("aka", func(chain.ID, Placement) error { return nil }), r.s.OfNoChain())
			require.True(t, errors.Is(err, engine.ErrCorrupt) || errors.Is(err, ErrMisplaced), err)
		})
	}
}
