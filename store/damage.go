package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// BadBlocks are blocks of a chain, one behind the other, that cannot be read any more as
// they were written.
type BadBlocks struct {
	Token string `json:"token"`
	From  uint64 `json:"from"` // first
	To    uint64 `json:"to"`   // last
}

// String names them.
func (b BadBlocks) String() string {
	if b.From == b.To {
		return fmt.Sprintf("block %d of %s", b.From, b.Token)
	}
	return fmt.Sprintf("blocks %d to %d of %s", b.From, b.To, b.Token)
}

// Damage is what is wrong with a database. A block can be had from anybody, because the
// chain says which bytes it has; of all else only the state as a whole says whether it is right.
type Damage struct {
	Blocks []BadBlocks
	Rest   error // what else is damaged; nil where nothing is
}

// DamageIn reads everything in the folder of a store that nobody has open, and says what
// is damaged, as CheckFolder does. It changes nothing. Errors are those of the operating
// system, and fs.ErrNotExist where there is no store.
func DamageIn(ctx context.Context, dir string) (Damage, error) {
	f := folderAt(dir)
	name, err := f.InUse()
	switch {
	case errors.Is(err, ErrDamaged):
		return Damage{Rest: err}, nil
	case err != nil:
		return Damage{}, err
	}
	e, err := examine(ctx, f.Path(name))
	found := e.damage()
	if level := checkLevel(f); errors.Is(level, ErrDamaged) {
		found.Rest = errors.Join(found.Rest, level)
	}
	return found, err
}

// wound is a stretch of blocks in the order of their rows, both ends among them, that
// cannot be read, or that stand in a table which is damaged elsewhere.
type wound struct{ first, last keys.Block }

// examination is what a look at all of a database has found.
type examination struct {
	heads  []*Head // whose blocks were looked at; nil where the heads cannot be read
	wounds []wound // in order; they are apart from each other
	rest   error
	sum    uint64 // of all rows but those of blocks
}

func (e *examination) damage() Damage {
	d := Damage{Rest: e.rest}
	for _, w := range e.wounds {
		for number := w.first.Contract; number <= w.last.Contract; number++ {
			b := BadBlocks{Token: e.heads[number].Contract.Token, From: 1, To: e.heads[number].Index}
			if number == w.first.Contract {
				b.From = w.first.Index
			}
			if number == w.last.Contract {
				b.To = w.last.Index
			}
			d.Blocks = append(d.Blocks, b)
		}
	}
	return d
}

// examine reads all of a database. Damage is in what it returns; errors are those of the
// operating system and of ctx.
func examine(ctx context.Context, dir string) (e examination, err error) {
	err = look(dir, func(db *engine.DB, l *loaded) error {
		e.heads = l.heads
		if err := e.tables(ctx, db); err != nil {
			return err
		}
		if err := e.rows(ctx, db); err != nil {
			return err
		}
		return e.blocks(ctx, db)
	})
	if errors.Is(err, ErrDamaged) { // it does not open, or its heads cannot be read
		e.rest, err = errors.Join(e.rest, err), nil
	}
	if e.rest != nil && !errors.Is(e.rest, ErrDamaged) {
		e.rest = damaged(dir, e.rest)
	}
	e.wounds = joined(e.wounds)
	return e, err
}

// tables looks at what no scan of the rows reads. A table that is damaged there makes way,
// with all blocks in it.
func (e *examination) tables(ctx context.Context, db *engine.DB) error {
	tables, err := db.Tables()
	if err != nil {
		return err
	}
	for _, t := range tables {
		_, err := db.CheckTable(ctx, t.Name)
		if err == nil {
			continue
		}
		if !isDamage(err) {
			return err
		}
		from, _, begins := keys.ParsePiece(t.First)
		to, _, ends := keys.ParsePiece(t.Last)
		if begins && ends && t.First[0] == keys.BlockTable && t.Last[0] == keys.BlockTable && e.has(from) && e.has(to) {
			e.wounds = append(e.wounds, wound{from, to})
			continue
		}
		e.rest = errors.Join(e.rest, err)
	}
	return nil
}

// has tells whether the heads know of a block.
func (e *examination) has(k keys.Block) bool {
	return int(k.Contract) < len(e.heads) && k.Index >= 1 && k.Index <= e.heads[k.Contract].Index
}

// rows reads all rows but those of blocks.
func (e *examination) rows(ctx context.Context, db *engine.DB) error {
	sum := xxhash.New()
	read := 0
	err := engine.Caught(func() error {
		for _, part := range [][2][]byte{{nil, {keys.BlockTable}}, {{keys.BlockTable + 1}, nil}} {
			err := engine.ScanRange(db, part[0], part[1], func(key, value []byte) error {
				_, _ = sum.Write(key) // never fails
				_, _ = sum.Write(value)
				if read += len(value); read > scrubRunBytes {
					read = 0
					return ctx.Err()
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	e.sum = sum.Sum64()
	if err != nil && !isDamage(err) {
		return err
	}
	e.rest = errors.Join(e.rest, err)
	return nil
}

// blocks reads each block that the heads know of, and looks whether it links to the one
// before and, the newest, to the head.
func (e *examination) blocks(ctx context.Context, db *engine.DB) error {
	for _, h := range e.heads {
		previous := chain.Hash{} // of the block before, where that is known
		for from := uint64(1); from <= h.Index; {
			if err := ctx.Err(); err != nil {
				return err
			}
			var run []*blocks.Block
			err := engine.Caught(func() (err error) {
				run, err = blocks.ReadChecked(db, h.Number, from, h.Index+1)
				return err
			})
			if err != nil && !isDamage(err) {
				return err
			}
			if errors.Is(err, engine.ErrPanicked) { // what Pebble does then is not known
				e.rest = errors.Join(e.rest, err)
				return nil
			}
			for _, b := range run {
				if !linked(h, b, from, previous) {
					e.bad(h, from)
				}
				previous, from = b.Hash, from+1
			}
			if err != nil {
				e.bad(h, from)
				previous, from = chain.Hash{}, from+1
			}
		}
	}
	return nil
}

// linked tells whether a block that is as it was written is the one of that height.
func linked(h *Head, b *blocks.Block, index uint64, previous chain.Hash) bool {
	if index == h.Index && b.Hash != h.Hash {
		return false
	}
	if index == 1 || previous == (chain.Hash{}) {
		return true
	}
	said, ok := chain.PreviousOf(b.Canonical)
	return ok && said == previous
}

func (e *examination) bad(h *Head, index uint64) {
	k := keys.Block{Contract: h.Number, Index: index}
	e.wounds = append(e.wounds, wound{k, k})
}

// isDamage tells what is wrong with the data from what kept us from reading it.
func isDamage(err error) bool {
	_, system := durable.Advice(err)
	return !system && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, fs.ErrNotExist) // a file that its manifest names
}

func compareBlocks(a, b keys.Block) int {
	return cmp.Or(cmp.Compare(a.Contract, b.Contract), cmp.Compare(a.Index, b.Index))
}

// joined sorts wounds, and makes one of those that overlap or touch.
func joined(wounds []wound) (out []wound) {
	slices.SortFunc(wounds, func(a, b wound) int { return compareBlocks(a.first, b.first) })
	for _, w := range wounds {
		if n := len(out); n > 0 {
			last := &out[n-1]
			next := keys.Block{Contract: last.last.Contract, Index: last.last.Index + 1}
			if compareBlocks(w.first, next) <= 0 {
				if compareBlocks(w.last, last.last) > 0 {
					last.last = w.last
				}
				continue
			}
		}
		out = append(out, w)
	}
	return out
}
