package proof_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

func TestTilePaths(t *testing.T) {
	for path, want := range map[string]tlog.Tile{
		"tile/0/000":                {H: 8, L: 0, N: 0, W: 256},
		"tile/63/000.p/1":           {H: 8, L: 63, N: 0, W: 1},
		"tile/1/x001/x234/067":      {H: 8, L: 1, N: 1234067, W: 256},
		"tile/1/x001/000.p/255":     {H: 8, L: 1, N: 1000, W: 255},
		"tile/entries/x001/234":     {H: 8, L: -1, N: 1234, W: 256},
		"tile/entries/007.p/12":     {H: 8, L: -1, N: 7, W: 12},
		"tile/0/x004/x294/967/x000": {},
	} {
		got, err := proof.ParseTilePath(path)
		if want.H == 0 {
			require.ErrorIs(t, err, proof.ErrTilePath)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, path, proof.TilePath(got))
	}
}

func TestParseTilePathRefuses(t *testing.T) {
	for _, path := range []string{
		"", "tile", "tile/", "tile/0", "tile/0/", "tile//000", "/tile/0/000", "tile/0/000/", "tiles/0/000",
		"tile/00/000", "tile/+1/000", "tile/-1/000", "tile/64/000", "tile/data/000", "tile/8/0/000", "tile/x/000",
		"tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000", "tile/0/x000/001", "tile/0/1000", "tile/0/001/000", "tile/0/x1/000", "tile/0/-01",
		"tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/-1", "tile/0/000.p/1/2", "tile/0/000/p/1",
		"tile/entries", "tile/entries/", "tile/entries/0/000", "tile/Entries/000", "tile/entries/000.p/0",
		"tile/0/000?x", "tile/0/../000", "tile/0/x999/x999/x999/x999/x999/x999/x999/999", "tile/0/" + strings.Repeat("x000/", 20) + "000",
		"checkpoint",
	} {
		_, err := proof.ParseTilePath(path)
		require.ErrorIs(t, err, proof.ErrTilePath, path)
	}
}

func TestTileInTree(t *testing.T) {
	tile := func(path string) tlog.Tile {
		parsed, err := proof.ParseTilePath(path)
		require.NoError(t, err)
		return parsed
	}
	// The example of the specification: 273 full tiles, and so on.
	const size = 70_000
	for path, want := range map[string]bool{
		"tile/0/272": true, "tile/0/273": false, "tile/0/273.p/112": true, "tile/0/273.p/113": false, "tile/0/274.p/1": false,
		"tile/1/000": true, "tile/1/001": false, "tile/1/001.p/17": true, "tile/1/001.p/18": false,
		"tile/2/000.p/1": true, "tile/2/000.p/2": false, "tile/3/000.p/1": false, "tile/8/000.p/1": false, "tile/63/000.p/1": false,
		"tile/entries/272": true, "tile/entries/273.p/112": true, "tile/entries/273.p/113": false,
	} {
		require.Equal(t, want, proof.TileInTree(tile(path), size), path)
		require.False(t, proof.TileInTree(tile(path), 0), path)
		require.False(t, proof.TileInTree(tile(path), proof.MaxSize+1), path)
	}
	for _, odd := range []tlog.Tile{{H: 8, N: 1 << 60, W: 1}, {H: 8, N: -1, W: 1}, {H: 8, W: 257}, {H: 8}, {H: 7, W: 1}, {H: 8, L: 64, W: 1}, {H: 8, L: -2, W: 1}} {
		require.False(t, proof.TileInTree(odd, size), odd)
	}
}

var errNetwork = errors.New("network down")

// server serves a log's tiles as of a size, and drops the partial ones that it
// has full.
type server struct {
	t      testing.TB
	hashes stored
	size   uint64
	asked  []string
	spoil  func(path string, data []byte) ([]byte, error)
}

func (s *server) fetch(_ context.Context, path string) ([]byte, error) {
	s.asked = append(s.asked, path)
	tile, err := proof.ParseTilePath(path)
	require.NoError(s.t, err)
	full := tile
	full.W = 256
	if tile.W < 256 && proof.TileInTree(full, s.size) {
		return nil, proof.ErrTileMissing
	}
	data, err := proof.ReadTile(tile, s.size, s.hashes)
	if err == nil && s.spoil != nil {
		return s.spoil(path, data)
	}
	return data, err
}

func TestProofsFromTilesInRandomTrees(t *testing.T) {
	leaves, hashes := grow(t, 1500, 1500)
	rapid.Check(t, func(r *rapid.T) {
		size := rapid.IntRange(1, len(leaves)).Draw(r, "size")
		s := &server{t: t, hashes: hashes, size: uint64(rapid.IntRange(size, len(leaves)).Draw(r, "served"))}
		c := at(t, size, hashes)
		index := rapid.IntRange(0, size-1).Draw(r, "index")
		path, err := proof.ProveInclusion(c.Size, uint64(index), proof.TileHashes(t.Context(), c.Size, c.Root, s.fetch))
		require.NoError(r, err)
		require.NoError(r, proof.CheckInclusion(c, &leaves[index], path))

		older := rapid.IntRange(1, size).Draw(r, "older")
		path, then, err := proof.ProveConsistency(uint64(older), c.Size, proof.TileHashes(t.Context(), c.Size, c.Root, s.fetch))
		require.NoError(r, err)
		require.Equal(r, at(t, older, hashes).Root, then)
		require.NoError(r, proof.CheckConsistency(at(t, older, hashes), c, path))
		require.Less(r, len(s.asked), 40)
	})
}

// What a member's own tiles say of its larger checkpoint convicts it of the
// smaller one.
func TestTilesGiveTheEvidence(t *testing.T) {
	s := newSplit(t, 700, 300)
	tiles := &server{t: t, hashes: s.other, size: 700}
	b := at(t, 700, s.other)
	path, then, err := proof.ProveConsistency(400, b.Size, proof.TileHashes(t.Context(), b.Size, b.Root, tiles.fetch))
	require.NoError(t, err)
	e, err := proof.NewEquivocation(s.sign(at(t, 400, s.one), 0, 1), s.sign(b, 0, 1), then, path)
	require.NoError(t, err)
	c, err := e.Verify(s.policy())
	require.NoError(t, err)
	require.Equal(t, []string{"n1", "n2"}, c.Signed)
}

func TestForgedTilesAreRefused(t *testing.T) {
	_, hashes := grow(t, 700, 700)
	_, forked := grow(t, 700, 100)
	c := at(t, 700, hashes)
	for _, f := range []struct {
		name   string
		hashes stored
		spoil  func(path string, data []byte) ([]byte, error)
		want   error
	}{
		{"another history", forked, nil, proof.ErrTileMismatch},
		{"a changed bit", hashes, func(path string, data []byte) ([]byte, error) { data[9] ^= 1; return data, nil }, proof.ErrTileMismatch},
		{"a changed bit in the leaf's tile alone", hashes, func(path string, data []byte) ([]byte, error) {
			if path == "tile/0/001" {
				data[9] ^= 1
			}
			return data, nil
		}, proof.ErrTileMismatch},
		{"two tiles swapped", hashes, func(path string, data []byte) ([]byte, error) {
			if path == "tile/0/001" {
				return proof.ReadTile(tlog.Tile{H: 8, N: 0, W: 256}, 700, hashes)
			}
			return data, nil
		}, proof.ErrTileMismatch},
		{"nothing", hashes, func(string, []byte) ([]byte, error) { return nil, nil }, proof.ErrTileSize},
		{"an oversized tile", hashes, func(_ string, data []byte) ([]byte, error) { return append(data, data...), nil }, proof.ErrTileSize},
		{"a short tile", hashes, func(_ string, data []byte) ([]byte, error) { return data[:len(data)-32], nil }, proof.ErrTileSize},
		{"a missing tile", hashes, func(string, []byte) ([]byte, error) { return nil, proof.ErrTileMissing }, proof.ErrTileMissing},
		{"no answer", hashes, func(string, []byte) ([]byte, error) { return nil, errNetwork }, errNetwork},
	} {
		t.Run(f.name, func(t *testing.T) {
			s := &server{t: t, hashes: f.hashes, size: 700, spoil: f.spoil}
			_, err := proof.ProveInclusion(c.Size, 300, proof.TileHashes(t.Context(), c.Size, c.Root, s.fetch))
			require.ErrorIs(t, err, f.want)
			_, _, err = proof.ProveConsistency(300, c.Size, proof.TileHashes(t.Context(), c.Size, c.Root, s.fetch))
			require.ErrorIs(t, err, f.want)
		})
	}
	s := &server{t: t, hashes: hashes, size: 700}
	for _, size := range []uint64{0, proof.MaxSize + 1, 1<<64 - 1} {
		_, err := proof.ProveInclusion(size, 0, proof.TileHashes(t.Context(), size, c.Root, s.fetch))
		require.ErrorIs(t, err, proof.ErrSize)
		_, _, err = proof.ProveConsistency(1, size, proof.TileHashes(t.Context(), size, c.Root, s.fetch))
		require.ErrorIs(t, err, proof.ErrSize)
		_, err = proof.TileHashes(t.Context(), size, c.Root, s.fetch).ReadHashes([]int64{0})
		require.ErrorIs(t, err, proof.ErrSize)
	}
	_, err := proof.ProveInclusion(700, 700, proof.TileHashes(t.Context(), 700, c.Root, s.fetch))
	require.ErrorIs(t, err, proof.ErrSize)
	for _, outside := range []int64{-1, tlog.StoredHashIndex(0, 700)} {
		_, err = proof.TileHashes(t.Context(), 700, c.Root, s.fetch).ReadHashes([]int64{outside})
		require.ErrorIs(t, err, proof.ErrSize)
	}
	require.Empty(t, s.asked)
}

func TestReadTileOutsideTheTree(t *testing.T) {
	_, hashes := grow(t, 300, 300)
	for _, path := range []string{"tile/0/001", "tile/0/001.p/45", "tile/1/000", "tile/2/000.p/1", "tile/entries/000"} {
		tile, err := proof.ParseTilePath(path)
		require.NoError(t, err)
		_, err = proof.ReadTile(tile, 300, hashes)
		require.ErrorIs(t, err, proof.ErrTileMissing, path)
	}
	data, err := proof.ReadTile(tlog.Tile{H: 8, N: 0, W: 256}, 300, hashes)
	require.NoError(t, err)
	require.Len(t, data, proof.MaxTileBytes)
}

func TestBundles(t *testing.T) {
	leaves, _ := grow(t, 300, 300)
	var bundle []byte
	for i := range leaves[256:] {
		bundle = proof.AppendEntry(bundle, proof.AppendLeaf(nil, &leaves[256+i]))
	}
	got, err := proof.DecodeBundle(bundle, 256, 44)
	require.NoError(t, err)
	require.Equal(t, leaves[256:], got)
	oddLeaf := proof.AppendEntry(nil, []byte("{}"))
	for _, c := range []struct {
		name  string
		data  []byte
		first uint64
		width int
		want  error
	}{
		{"nothing", nil, 0, 1, proof.ErrEmpty},
		{"too much", make([]byte, proof.MaxBundleBytes+1), 0, 256, proof.ErrTooLarge},
		{"too few", bundle, 256, 45, proof.ErrBundle},
		{"too many", bundle, 256, 43, proof.ErrBundle},
		{"no width", bundle, 256, 0, proof.ErrBundle},
		{"more than a bundle holds", bundle, 256, 257, proof.ErrBundle},
		{"another place", bundle, 0, 44, proof.ErrBundle},
		{"a byte missing", bundle[:len(bundle)-1], 256, 44, proof.ErrBundle},
		{"a length alone", bundle[:1], 256, 1, proof.ErrBundle},
		{"an entry that is no leaf", oddLeaf, 0, 1, proof.ErrLeaf},
		{"an empty entry", []byte{0, 0}, 0, 1, proof.ErrEmpty},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := proof.DecodeBundle(c.data, c.first, c.width)
			require.ErrorIs(t, err, c.want)
		})
	}
	require.NotEqual(t, chain.Hash{}, leaves[0].EntryHash())
}
