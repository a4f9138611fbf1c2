package proof

import (
	"encoding/binary"
	"fmt"
)

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
