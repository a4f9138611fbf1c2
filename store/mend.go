package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// ErrNotMended: blocks that are damaged could not be had, or more than blocks is damaged.
// The store is as it was.
var ErrNotMended = errors.New("the damaged blocks cannot be mended")

// Fetch gets a block from somebody else. It offers take what it gets, from one after another
// if need be, until take returns nil: take looks whether those are the bytes that the
// chain has there, and refuses all others.
type Fetch func(ctx context.Context, token string, index uint64, take func(canonical []byte) error) error

// Mended is what Mend has done.
type Mended struct {
	Blocks []BadBlocks // that were damaged
	// Fetched is how many blocks came from elsewhere; those beside them in their table were
	// written anew as they were.
	Fetched int
	// Old is the folder of the database that was damaged; no store uses it any more, and
	// whoever opens the store next removes it.
	Old string
}

// Mend writes the damaged blocks of a store anew that nobody has open; fs.ErrNotExist where
// there is none. It works beside the database, reads all of what it made, and puts that in its
// place at the end: until then, and on an error, the store is as it was. log is Config.Log.
//
// What is fetched is taken if it has the hash that the next block, or the head, says it has:
// that hash chain ends with what this store has itself.
func Mend(ctx context.Context, dir string, log bool, fetch Fetch) (done Mended, err error) {
	f := folderAt(dir)
	name, err := f.Current()
	if err != nil {
		return done, err
	}
	found, err := examine(ctx, f.Path(name))
	if err != nil || found.rest == nil && len(found.wounds) == 0 {
		return done, err
	}
	if found.rest != nil {
		return done, fmt.Errorf("%w: %w", ErrNotMended, found.rest)
	}
	fresh, err := f.Adopt(f.Path(name), name)
	if err != nil {
		return done, err
	}
	done.Blocks = found.damage().Blocks
	m := &mending{dir: f.Path(fresh), log: log, fetch: fetch, found: &found}
	if err = m.run(ctx); err == nil {
		err = m.verify(ctx)
	}
	if err == nil {
		err = f.SetCurrent(fresh)
	}
	if err != nil {
		return Mended{}, errors.Join(err, f.Remove(fresh))
	}
	done.Fetched, done.Old = m.fetched, f.Path(name)
	return done, nil
}

// mending is one run of Mend, on a database of its own.
type mending struct {
	dir     string
	log     bool
	fetch   Fetch
	found   *examination
	db      *engine.DB
	quick   bool // sums of pieces, as the store's format has them
	fetched int
	files   int // tables written so far
}

// run replaces the stretches of rows that are damaged by new ones.
func (m *mending) run(ctx context.Context) (err error) {
	m.db, err = engine.Open(m.dir, engine.Config{FS: vfs.Default, Log: m.log, Tables: inspectTables, Format: pebbleFormat(release.First),
		FileEnd: new(keys.Division).End, Fatal: panics(m.dir), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return damaged(m.dir, err)
	}
	defer func() { err = errors.Join(err, engine.Caught(m.db.Close)) }()
	l, err := load(m.db)
	if err != nil {
		return damaged(m.dir, err)
	}
	m.quick = (&Store{cfg: Config{Log: m.log}, meta: l.meta}).byEpoch()
	for _, w := range joined(m.widened()) {
		if err := m.replace(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// margin is how many sound blocks are written anew on either side of those that are not.
// Where Pebble cuts a table it reads the rows on both sides of the cut, and takes one that it
// cannot read for none: the cuts have to be where all can be read.
const margin = 2

func (m *mending) widened() []wound {
	out := slices.Clone(m.found.wounds)
	for i := range out {
		for range margin {
			out[i].first, out[i].last = m.before(out[i].first), m.after(out[i].last)
		}
	}
	return out
}

// before is the block before in the order of rows, which may be another chain's; the first
// one itself.
func (m *mending) before(k keys.Block) keys.Block {
	if k.Index > 1 {
		return keys.Block{Contract: k.Contract, Index: k.Index - 1}
	}
	if k.Contract == 0 {
		return k
	}
	return keys.Block{Contract: k.Contract - 1, Index: m.found.heads[k.Contract-1].Index}
}

// after is the next one; the last one itself.
func (m *mending) after(k keys.Block) keys.Block {
	if k.Index < m.found.heads[k.Contract].Index {
		return keys.Block{Contract: k.Contract, Index: k.Index + 1}
	}
	if int(k.Contract)+1 == len(m.found.heads) {
		return k
	}
	return keys.Block{Contract: k.Contract + 1, Index: 1}
}

// mendBytes is how much of blocks is in memory at once, and then in a table.
const mendBytes = 32 << 20

// replace writes the blocks of a stretch into tables, from its end on, since each says what
// the one before has to be, and puts them in the place of all rows there.
func (m *mending) replace(ctx context.Context, w wound) error {
	var tables []string
	defer func() {
		for _, table := range tables {
			_ = vfs.Default.Remove(table) // it is linked into the database, or of no use
		}
	}()
	var rows [][]engine.Row // of each block, the last one first
	size := 0
	var want chain.Hash // of the block at k
	for k := w.last; ; k = m.before(k) {
		h := m.found.heads[k.Contract]
		if k.Index == h.Index {
			want = h.Hash
		} else if k == w.last { // the one behind it is sound
			next, err := blocks.ReadBlock(m.db, keys.Block{Contract: k.Contract, Index: k.Index + 1})
			if err != nil {
				return err
			}
			want, _ = chain.PreviousOf(next.Canonical)
		}
		b, err := m.block(ctx, h, k.Index, want)
		if err != nil {
			return err
		}
		want, _ = chain.PreviousOf(b.Canonical)
		rows = append(rows, b.AppendRows(nil, k, m.quick))
		size += len(b.Canonical)
		if size < mendBytes && k != w.first {
			continue
		}
		table, err := m.table(rows)
		tables = append(tables, table)
		if err != nil {
			return err
		}
		if rows, size = nil, 0; k == w.first {
			break
		}
	}
	_, err := m.db.IngestAndExcise(ctx, tables, nil, nil, pebble.KeyRange{Start: w.first.Piece(0), End: m.end(w)})
	return err
}

// end is the first key behind a stretch.
func (m *mending) end(w wound) []byte {
	if next := m.after(w.last); next != w.last {
		return next.Piece(0)
	}
	return []byte{keys.BlockTable + 1}
}

// block is the block of a height as it has to be: that of the store, or one that is fetched.
func (m *mending) block(ctx context.Context, h *Head, index uint64, want chain.Hash) (b *blocks.Block, err error) {
	take := func(canonical []byte) error {
		if chain.HashBytes(canonical) != want {
			return fmt.Errorf("block %d is not the one of this chain, which has the hash %s", index, want)
		}
		contract := &h.Contract
		if index == 1 {
			contract = nil
		}
		c, err := chain.CheckBlock(canonical, contract, h.ID)
		if err == nil {
			b = &blocks.Block{Canonical: canonical, Hash: c.Hash, Records: c.Records}
		}
		return err
	}
	var own *blocks.Block
	if engine.Caught(func() (err error) {
		own, err = blocks.ReadBlock(m.db, keys.Block{Contract: h.Number, Index: index})
		return err
	}) == nil && take(own.Canonical) == nil {
		return b, nil
	}
	if err := m.fetch(ctx, h.Contract.Token, index, take); err != nil {
		return nil, fmt.Errorf("%w: block %d of %s: %w", ErrNotMended, index, h.Contract.Token, err)
	}
	m.fetched++
	return b, nil
}

// table writes the rows of blocks, the last of which comes first, into a new table beside
// the database.
func (m *mending) table(rows [][]engine.Row) (path string, err error) {
	m.files++
	path = fmt.Sprintf("%s.mend-%d", m.dir, m.files)
	return path, m.db.WriteTable(path, func(yield func(engine.Row) bool) {
		for _, block := range slices.Backward(rows) {
			for _, r := range block {
				if !yield(r) {
					return
				}
			}
		}
	})
}

// verify reads all of what was made: every block is there and links to the next, and of all
// else nothing is another.
func (m *mending) verify(ctx context.Context) error {
	now, err := examine(ctx, m.dir)
	switch {
	case err != nil:
		return err
	case now.rest != nil:
		return fmt.Errorf("%w: %w", ErrNotMended, now.rest)
	case len(now.wounds) > 0:
		return fmt.Errorf("%w: %v is damaged still", ErrNotMended, now.damage().Blocks)
	case now.sum != m.found.sum:
		return fmt.Errorf("%w: other rows would have changed with them", ErrNotMended)
	}
	return nil
}

// Export makes a snapshot, in the new folder to, of a store that nobody has open and that
// was closed in order or keeps no log of its own. It returns the log index of the last entry
// in it.
func Export(ctx context.Context, dir, to string) (applied uint64, err error) {
	f := folderAt(dir)
	name, err := f.Current()
	if err != nil {
		return 0, err
	}
	if err := f.Link(f.Path(name), to); err != nil {
		return 0, err
	}
	if err := Check(ctx, to); err != nil {
		return 0, err
	}
	found, err := Inspect(to)
	return found.Applied, err
}
