package proof

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
)

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

// InclusionFromTiles is the path from leaf index, counted from 0, to the root,
// put together from tiles. Errors are those of TileHashes.
func InclusionFromTiles(ctx context.Context, size uint64, root chain.Hash, index uint64, fetch Fetch) ([]chain.Hash, error) {
	return ProveInclusion(size, index, TileHashes(ctx, size, root, fetch))
}

// ConsistencyFromTiles is the proof that the log with a size and a root begins
// with a log of the size older, and the root that it had then, put together
// from tiles. If that is not the root that a checkpoint of that size says, the
// two are the stuff of NewEquivocation.
func ConsistencyFromTiles(ctx context.Context, older, size uint64, root chain.Hash, fetch Fetch) (path []chain.Hash, then chain.Hash, err error) {
	tiles := TileHashes(ctx, size, root, fetch)
	if path, err = ProveConsistency(older, size, tiles); err != nil {
		return nil, chain.Hash{}, err
	}
	h, err := tlog.TreeHash(int64(older), tiles)
	return path, chain.Hash(h), err
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
