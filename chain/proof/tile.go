package proof

import (
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
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
