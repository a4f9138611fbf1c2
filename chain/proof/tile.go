package proof

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
)

// Tiles are the log as files (c2sp.org/tlog-tiles): 256 hashes wide, that is,
// of height 8. In tlog's coordinates level -1 is the entries themselves.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	entryLevel = -1
	maxLevel   = 63
)

// TilePath is where a tile of height 8 is served: tile/<level>/<number>, or
// tile/entries/<number> for level -1, and .p/<width> where it is not full. tlog
// writes the height too, and calls entries data.
func TilePath(t tlog.Tile) string {
	path := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", tileHeight))
	if rest, entries := strings.CutPrefix(path, "data/"); entries {
		path = "entries/" + rest
	}
	return "tile/" + path
}

// ParseTilePath reads what TilePath writes and nothing else. The tile need not
// be in any tree: see TileInTree.
func ParseTilePath(path string) (tlog.Tile, error) {
	bad := fmt.Errorf("%w: %.80q", ErrTilePath, path)
	rest, found := strings.CutPrefix(path, "tile/")
	if !found || len(path) > maxTilePathBytes {
		return tlog.Tile{}, bad
	}
	if number, entries := strings.CutPrefix(rest, "entries/"); entries {
		rest = "data/" + number
	}
	t, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", tileHeight, rest))
	if err != nil || t.L > maxLevel || TilePath(t) != path {
		return tlog.Tile{}, bad
	}
	return t, nil
}

// TileInTree tells whether a log of a size has all that is in t.
func TileInTree(t tlog.Tile, size uint64) bool {
	if t.H != tileHeight || t.L < entryLevel || t.L > maxLevel || t.N < 0 || t.W < 1 || t.W > tileWidth || size > MaxSize {
		return false
	}
	have := int64(size >> (tileHeight * max(t.L, 0))) // hashes on this level; a shift beyond 64 leaves none
	return t.N <= have>>tileHeight && t.N<<tileHeight+int64(t.W) <= have
}

// ReadTile is the content of a hash tile of a log of a size, from the hashes
// that are stored of it. Errors wrap ErrTileMissing, or come from stored.
func ReadTile(t tlog.Tile, size uint64, stored tlog.HashReader) ([]byte, error) {
	if t.L < 0 || !TileInTree(t, size) {
		return nil, fmt.Errorf("%w: %s, of %d blocks", ErrTileMissing, TilePath(t), size)
	}
	return tlog.ReadTileData(t, stored)
}

// Fetch gets the tile at a path as TilePath writes it. It should read no more
// than MaxTileBytes and one, and wrap ErrTileMissing when there is no such
// tile.
type Fetch func(ctx context.Context, path string) ([]byte, error)

// TileHashes reads hashes of the log with a size and a root that are trusted,
// from tiles that are not: what it returns has been verified up to the root.
// Errors wrap ErrTileSize, ErrTileMismatch, ErrSize, or come from fetch.
func TileHashes(ctx context.Context, size uint64, root chain.Hash, fetch Fetch) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		if size < 1 || size > MaxSize {
			return nil, fmt.Errorf("%w: a log of %d blocks", ErrSize, size)
		}
		for _, i := range indexes {
			if i < 0 || i >= tlog.StoredHashIndex(0, int64(size)) {
				return nil, fmt.Errorf("%w: hash %d, in a log of %d blocks", ErrSize, i, size)
			}
		}
		tiles := &fetchedTiles{ctx: ctx, fetch: fetch}
		read, err := tlog.TileHashReader(tlog.Tree{N: int64(size), Hash: tlog.Hash(root)}, tiles).ReadHashes(indexes)
		if err != nil && tiles.err == nil {
			err = fmt.Errorf("%w: %w", ErrTileMismatch, err)
		}
		return read, err
	})
}

// fetchedTiles is tlog's view of a Fetch, for one call of ReadHashes.
type fetchedTiles struct {
	ctx   context.Context
	fetch Fetch
	err   error // why a tile could not be had
}

// Height implements tlog.TileReader.
func (f *fetchedTiles) Height() int { return tileHeight }

// ReadTiles implements tlog.TileReader.
func (f *fetchedTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	read := make([][]byte, len(tiles))
	for i, t := range tiles {
		if read[i], f.err = f.read(t); f.err != nil {
			return nil, f.err
		}
	}
	return read, nil
}

// read gets one tile. A server may drop a partial tile once there is a full
// one, which begins with the same hashes.
func (f *fetchedTiles) read(t tlog.Tile) ([]byte, error) {
	data, err := f.fetch(f.ctx, TilePath(t))
	width := t.W
	if errors.Is(err, ErrTileMissing) && t.W < tileWidth {
		t.W = tileWidth
		data, err = f.fetch(f.ctx, TilePath(t))
	}
	if err != nil {
		return nil, err
	}
	if len(data) != t.W*tlog.HashSize {
		return nil, fmt.Errorf("%w: %s has %d bytes, not %d", ErrTileSize, TilePath(t), len(data), t.W*tlog.HashSize)
	}
	return data[:width*tlog.HashSize], nil
}

// SaveTiles implements tlog.TileReader. Keeping verified tiles is for whoever
// fetches them.
func (f *fetchedTiles) SaveTiles([]tlog.Tile, [][]byte) {}

// AppendEntry appends one leaf's canonical text to an entry bundle: its length
// in two bytes, big-endian, and the text.
func AppendEntry(dst, leaf []byte) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(leaf))), leaf...)
}

// DecodeBundle reads the leaves of the entry bundle that begins with leaf
// first, counted from 0. There are width of them, 1 to 256, and nothing else.
// That they are of the log is for the hashes of the tile on level 0 to say.
func DecodeBundle(data []byte, first uint64, width int) ([]Leaf, error) {
	if err := bounded(data, MaxBundleBytes); err != nil {
		return nil, err
	}
	if width < 1 || width > tileWidth {
		return nil, fmt.Errorf("%w: a width of %d", ErrBundle, width)
	}
	leaves := make([]Leaf, 0, width)
	for i := range width {
		if len(data) < 2 {
			return nil, fmt.Errorf("%w: it ends after %d of %d entries", ErrBundle, i, width)
		}
		size := int(binary.BigEndian.Uint16(data))
		if data = data[2:]; size > len(data) {
			return nil, fmt.Errorf("%w: it ends in entry %d", ErrBundle, i)
		}
		leaf, err := DecodeLeaf(data[:size])
		if err != nil {
			return nil, fmt.Errorf("%w: entry %d: %w", ErrBundle, i, err)
		}
		if leaf.Index != first+uint64(i)+1 {
			return nil, fmt.Errorf("%w: entry %d is block %d", ErrBundle, i, leaf.Index)
		}
		leaves, data = append(leaves, leaf), data[size:]
	}
	if len(data) > 0 {
		return nil, fmt.Errorf("%w: %d bytes after the last entry", ErrBundle, len(data))
	}
	return leaves, nil
}
