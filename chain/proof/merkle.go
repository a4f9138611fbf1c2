package proof

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
)

// CheckInclusion verifies that a leaf is in the log of a checkpoint, at the
// place that its index says. Errors wrap ErrStale or ErrLeafPath.
func CheckInclusion(c Checkpoint, l *Leaf, path []chain.Hash) error {
	switch {
	case l.Index < 1 || c.Size > MaxSize || len(path) > maxPath:
		return fmt.Errorf("%w: block %d, log of %d, path of %d", ErrSize, l.Index, c.Size, len(path))
	case l.Index > c.Size:
		return fmt.Errorf("%w: block %d, the checkpoint has %d", ErrStale, l.Index, c.Size)
	}
	if err := tlog.CheckRecord(hashes(path), int64(c.Size), tlog.Hash(c.Root), int64(l.Index-1), tlog.Hash(l.EntryHash())); err != nil {
		return fmt.Errorf("%w: block %d: %w", ErrLeafPath, l.Index, err)
	}
	return nil
}

// CheckConsistency verifies that the log of newer begins with that of older.
// Errors wrap ErrOrigin, ErrRolledBack or ErrInconsistent.
func CheckConsistency(older, newer Checkpoint, path []chain.Hash) error {
	switch {
	case older.Origin != newer.Origin:
		return fmt.Errorf("%w: %.80q and %.80q", ErrOrigin, older.Origin, newer.Origin)
	case older.Size < 1 || older.Size > MaxSize || newer.Size > MaxSize || len(path) > maxPath:
		return fmt.Errorf("%w: logs of %d and %d, path of %d", ErrSize, older.Size, newer.Size, len(path))
	case newer.Size < older.Size:
		return fmt.Errorf("%w: from %d blocks to %d", ErrRolledBack, older.Size, newer.Size)
	}
	if err := tlog.CheckTree(hashes(path), int64(newer.Size), tlog.Hash(newer.Root), int64(older.Size), tlog.Hash(older.Root)); err != nil {
		return fmt.Errorf("%w: at %d and %d blocks: %w", ErrInconsistent, older.Size, newer.Size, err)
	}
	return nil
}

// ProveInclusion is the path from leaf index, counted from 0, to the root of
// the log at a size.
func ProveInclusion(size, index uint64, stored tlog.HashReader) ([]chain.Hash, error) {
	if size > MaxSize || index >= size {
		return nil, fmt.Errorf("%w: leaf %d of %d", ErrSize, index, size)
	}
	path, err := tlog.ProveRecord(int64(size), int64(index), stored)
	return ours(path), err
}

// ProveConsistency is the proof that the log at the size newer begins with that
// at the size older, and the root that it had then. Where that is not the root
// that a checkpoint of that size says, the two are the stuff of NewEquivocation.
func ProveConsistency(older, newer uint64, stored tlog.HashReader) (path []chain.Hash, then chain.Hash, err error) {
	if older < 1 || newer > MaxSize || older > newer {
		return nil, then, fmt.Errorf("%w: from %d to %d", ErrSize, older, newer)
	}
	proof, err := tlog.ProveTree(int64(newer), int64(older), stored)
	if err != nil {
		return nil, then, err
	}
	root, err := tlog.TreeHash(int64(older), stored)
	return ours(proof), chain.Hash(root), err
}

// hashes and ours turn our hashes into tlog's and back: the same bytes.
func hashes(list []chain.Hash) []tlog.Hash {
	converted := make([]tlog.Hash, len(list))
	for i, h := range list {
		converted[i] = tlog.Hash(h)
	}
	return converted
}

func ours[T ~[]tlog.Hash](list T) []chain.Hash {
	if len(list) == 0 {
		return nil // a path of nothing has one form
	}
	converted := make([]chain.Hash, len(list))
	for i, h := range list {
		converted[i] = chain.Hash(h)
	}
	return converted
}
