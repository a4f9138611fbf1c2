package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// anyBlock has so many records of any length.
func anyBlock(rng *rand.Rand, index uint64, records int) *Block {
	var p Pending
	for range records {
		p.Add([]byte(`{"n": "` + strings.Repeat("x", rng.IntN(300)*rng.IntN(3)) + `"}`))
	}
	canonical, at := chain.AppendBlock(nil, &chain.Header{Index: index, Root: p.Root(), HasRoot: true}, p.Text(), 6)
	return &Block{Canonical: canonical, Hash: chain.HashBytes(canonical), Records: p.Places(at)}
}

// pieces writes blocks 1, 2, … of contract 0 and returns the store that has them. The sums
// of the even ones are quick or not.
func pieces(t *testing.T, blocks []*Block, quick bool) *Store {
	s, err := Open(Config{Dir: t.TempDir(), Fatal: func(error) {}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	var rows []engine.Row
	for i, b := range blocks {
		rows = b.appendPieces(rows, keys.Block{Index: uint64(i) + 1}, quick == (i%2 == 1))
	}
	require.NoError(t, s.db.Write(rows, 0))
	return s
}

func TestABlockComesBackFromItsPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var blocks []*Block
	for i, n := range []int{0, 1, 2, pieceRecords - 1, pieceRecords, pieceRecords + 1, 2 * pieceRecords, 500, 0, chain.MaxBlockRecords, 3} {
		blocks = append(blocks, anyBlock(rng, uint64(i)+1, n))
	}
	s := pieces(t, blocks, true)
	for from := uint64(1); from <= uint64(len(blocks)); {
		run, err := readBlocks(s.db, 0, from, uint64(len(blocks))+1)
		require.NoError(t, err)
		require.NotEmpty(t, run)
		for _, b := range run {
			require.Equal(t, blocks[from-1].Hash, b.Hash)
			require.Equal(t, string(blocks[from-1].Canonical), string(b.Canonical))
			from++
		}
	}
	r := recordReader{db: s.db}
	for i, b := range blocks {
		for n, place := range b.Records {
			text, err := r.read(Placement{Block: uint64(i) + 1, Position: n})
			require.NoError(t, err)
			require.Equal(t, string(b.Canonical[place.From:place.To]), string(text))
		}
		if n := len(b.Records); n%pieceRecords != 0 || n == 0 {
			_, err := r.read(Placement{Block: uint64(i) + 1, Position: n})
			require.ErrorIs(t, err, chain.NotFound)
		}
	}
	_, err := r.read(Placement{Block: uint64(len(blocks)) + 1})
	require.ErrorIs(t, err, engine.ErrCorrupt)
	_, err = readBlock(s.db, keys.Block{Index: uint64(len(blocks)) + 1})
	require.ErrorIs(t, err, engine.ErrCorrupt)
}

// Whatever becomes of one row of a block, its reader, the block's and Scrub say
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
	for name, change := range map[string]func(s *Store, key, value []byte) error{
		"lost": func(s *Store, key, _ []byte) error { return s.db.Delete(key, pebble.NoSync) },
		"another block's": func(s *Store, key, _ []byte) error {
			other, err := engine.Get(s.db, keys.Block{Index: 3}.Piece(1))
			require.NoError(t, err)
			return s.db.Set(key, other, pebble.NoSync)
		},
		"empty": func(s *Store, key, _ []byte) error { return s.db.Set(key, []byte{}, pebble.NoSync) },
		"cut":   func(s *Store, key, value []byte) error { return s.db.Set(key, value[:len(value)-1], pebble.NoSync) },
	} {
		s := pieces(t, blocks, quick)
		requireFound(t, s, name, change, damaged)
	}
	value, err := engine.Get(pieces(t, blocks, quick).db, keys.Block{Index: 2}.Piece(1))
	require.NoError(t, err)
	require.Equal(t, quick, (*pieceSum)(value).quick())
	s := pieces(t, blocks, quick)
	for range 200 {
		at, bit := rng.IntN(len(value)), byte(1)<<rng.IntN(8)
		flipped := bytes.Clone(value)
		flipped[at] ^= bit
		requireFound(t, s, "flipped", func(s *Store, key, _ []byte) error { return s.db.Set(key, flipped, pebble.NoSync) }, damaged)
		require.NoError(t, s.db.Set(keys.Block{Index: 2}.Piece(1), value, pebble.NoSync))
	}
}

func requireFound(t *testing.T, s *Store, name string, change func(s *Store, key, value []byte) error, position int) {
	t.Helper()
	key := keys.Block{Index: 2}.Piece(1)
	value, err := engine.Get(s.db, key)
	require.NoError(t, err)
	require.NoError(t, change(s, key, value))
	r := recordReader{db: s.db}
	_, err = r.read(Placement{Block: 2, Position: position})
	require.ErrorIs(t, err, engine.ErrCorrupt, name)
	_, err = readBlock(s.db, keys.Block{Index: 1})
	require.NoError(t, err)
	_, _, err = s.scrubRun(nil)
	require.ErrorIs(t, err, engine.ErrCorrupt, name)
	if name != "flipped" { // in the sum itself, which whoever reads the whole does not need
		_, err = readBlock(s.db, keys.Block{Index: 2})
		require.ErrorIs(t, err, engine.ErrCorrupt, name)
	}
}

// Nobody who reads from disk keeps Update waiting meanwhile.
func TestADiskThatIsSlowToReadDelaysNoUpdate(t *testing.T) {
	s := openTest(t, t.TempDir(), 0)
	defer func() { require.NoError(t, s.Close()) }()
	addBlock(t, s, 1)
	slow, read := make(chan struct{}), make(chan error)
	begun := make(chan struct{})
	go func() {
		_, err := lookup(s, "aka", func(*Head) (int, bool) { return 0, false }, func(pebble.Reader, uint32) (int, error) {
			close(begun)
			<-slow
			return 1, nil
		})
		read <- err
	}()
	<-begun
	addBlock(t, s, 2) // would wait for ever
	close(slow)
	require.NoError(t, <-read)
}
