package blocks

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// anyBlock has so many records of any length.
func anyBlock(rng *rand.Rand, index uint64, records int) *Block {
	var root chain.RootBuilder
	var text []byte
	spans := make([]chain.Span, records)
	for i := range spans {
		if i > 0 {
			text = append(text, chain.RecordSeparator...)
		}
		from := len(text)
		text = append(text, `{"n": "`+strings.Repeat("x", rng.IntN(300)*rng.IntN(3))+`"}`...)
		spans[i] = chain.Span{From: from, To: len(text)}
		root.Add(text[from:])
	}
	canonical, at := chain.AppendBlock(nil, &chain.Header{Index: index, Root: root.Root(), HasRoot: true}, text, 6)
	for i := range spans {
		spans[i].From, spans[i].To = at+spans[i].From, at+spans[i].To
	}
	return &Block{Canonical: canonical, Hash: chain.HashBytes(canonical), Records: spans}
}

// pieces writes blocks 1, 2, … of contract 0 and returns the database that has them. The sums
// of the even ones are quick or not.
func pieces(t *testing.T, blocks []*Block, quick bool) *engine.DB {
	db, err := engine.Open("db", engine.Config{FS: vfs.NewMem(), Format: pebble.FormatValueSeparation,
		FileEnd: new(keys.Division).End, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	var rows []engine.Row
	for i, b := range blocks {
		rows = b.AppendRows(rows, keys.Block{Index: uint64(i) + 1}, quick == (i%2 == 1))
	}
	require.NoError(t, db.Write(rows, 0))
	return db
}

func TestABlockComesBackFromItsPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var blocks []*Block
	for i, n := range []int{0, 1, 2, pieceRecords - 1, pieceRecords, pieceRecords + 1, 2 * pieceRecords, 500, 0, chain.MaxBlockRecords, 3} {
		blocks = append(blocks, anyBlock(rng, uint64(i)+1, n))
	}
	db := pieces(t, blocks, true)
	for from := uint64(1); from <= uint64(len(blocks)); {
		run, err := Read(db, 0, from, uint64(len(blocks))+1)
		require.NoError(t, err)
		require.NotEmpty(t, run)
		for _, b := range run {
			require.Equal(t, blocks[from-1].Hash, b.Hash)
			require.Equal(t, string(blocks[from-1].Canonical), string(b.Canonical))
			from++
		}
	}
	r := NewReader(db, 0)
	for i, b := range blocks {
		for n, place := range b.Records {
			text, err := r.Record(uint64(i)+1, n)
			require.NoError(t, err)
			require.Equal(t, string(b.Canonical[place.From:place.To]), string(text))
		}
		if n := len(b.Records); n%pieceRecords != 0 || n == 0 {
			_, err := r.Record(uint64(i)+1, n)
			require.ErrorIs(t, err, chain.NotFound)
		}
	}
	_, err := r.Record(uint64(len(blocks))+1, 0)
	require.ErrorIs(t, err, engine.ErrCorrupt)
	_, err = ReadBlock(db, keys.Block{Index: uint64(len(blocks)) + 1})
	require.ErrorIs(t, err, engine.ErrCorrupt)
}

// Whatever becomes of one row of a block, its reader, the block's and who checks all say
// so.
func TestAPieceThatChangedIsFound(t *testing.T) {
	for _, quick := range []bool{false, true} {
		t.Run(fmt.Sprint("quick sums: ", quick), func(t *testing.T) { findChanges(t, quick) })
	}
}

func findChanges(t *testing.T, quick bool) {
	rng := rand.New(rand.NewPCG(3, 4))
	blocks := []*Block{anyBlock(rng, 1, 100), anyBlock(rng, 2, 100), anyBlock(rng, 3, 100)}
	const damaged = pieceRecords // the first record of the second piece
	for name, change := range map[string]func(db *engine.DB, key, value []byte) error{
		"lost": func(db *engine.DB, key, _ []byte) error { return db.Delete(key, pebble.NoSync) },
		"another block's": func(db *engine.DB, key, _ []byte) error {
			other, err := engine.Get(db, keys.Block{Index: 3}.Piece(1))
			require.NoError(t, err)
			return db.Set(key, other, pebble.NoSync)
		},
		"empty": func(db *engine.DB, key, _ []byte) error { return db.Set(key, []byte{}, pebble.NoSync) },
		"cut":   func(db *engine.DB, key, value []byte) error { return db.Set(key, value[:len(value)-1], pebble.NoSync) },
	} {
		db := pieces(t, blocks, quick)
		requireFound(t, db, name, change, damaged)
	}
	value, err := engine.Get(pieces(t, blocks, quick), keys.Block{Index: 2}.Piece(1))
	require.NoError(t, err)
	require.Equal(t, quick, (*pieceSum)(value).quick())
	db := pieces(t, blocks, quick)
	for range 200 {
		at, bit := rng.IntN(len(value)), byte(1)<<rng.IntN(8)
		flipped := bytes.Clone(value)
		flipped[at] ^= bit
		requireFound(t, db, "flipped", func(db *engine.DB, key, _ []byte) error { return db.Set(key, flipped, pebble.NoSync) }, damaged)
		require.NoError(t, db.Set(keys.Block{Index: 2}.Piece(1), value, pebble.NoSync))
	}
}

func requireFound(t *testing.T, db *engine.DB, name string, change func(db *engine.DB, key, value []byte) error, position int) {
	t.Helper()
	key := keys.Block{Index: 2}.Piece(1)
	value, err := engine.Get(db, key)
	require.NoError(t, err)
	require.NoError(t, change(db, key, value))
	r := NewReader(db, 0)
	_, err = r.Record(2, position)
	require.ErrorIs(t, err, engine.ErrCorrupt, name)
	_, err = ReadBlock(db, keys.Block{Index: 1})
	require.NoError(t, err)
	_, _, err = CheckRows(db, nil, 1<<30)
	require.ErrorIs(t, err, engine.ErrCorrupt, name)
	if name != "flipped" { // in the sum itself, which whoever reads the whole does not need
		_, err = ReadBlock(db, keys.Block{Index: 2})
		require.ErrorIs(t, err, engine.ErrCorrupt, name)
	}
}
