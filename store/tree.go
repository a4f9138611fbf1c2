package store

import (
	"fmt"
	"math/bits"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// frontier is the right edge of a log of headers: the roots of its complete
// subtrees, largest first. It is all that adding a leaf and the newest root
// need.
type frontier struct {
	size  uint64
	roots []chain.Hash
}

// add appends a leaf and hands over each node that this completes.
func (f *frontier) add(leaf chain.Hash, store func(index uint64, node chain.Hash)) {
	node := leaf
	level := 0
	store(nodeIndex(level, f.size), node)
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.roots) - 1
		node = chain.Hash(tlog.NodeHash(tlog.Hash(f.roots[last]), tlog.Hash(node)))
		f.roots = f.roots[:last]
		level++
		store(nodeIndex(level, n>>1), node)
	}
	f.roots = append(f.roots, node)
	f.size++
}

func nodeIndex(level int, n uint64) uint64 { return uint64(tlog.StoredHashIndex(level, int64(n))) }

// loadTree reads the frontier back.
func (h *Head) loadTree(db *engine.DB) error {
	h.tree = frontier{size: h.Index}
	begin := uint64(0)
	for left := h.Index; left > 0; {
		level := bits.Len64(left) - 1
		row, err := engine.Get(db, keys.Block{Contract: h.Number, Index: nodeIndex(level, begin>>level)}.In(keys.NodeTable))
		if err != nil {
			return err
		}
		if len(row) != len(chain.Hash{}) {
			return fmt.Errorf("%w: log of headers of %s", engine.ErrCorrupt, h.Contract.Token)
		}
		h.tree.roots = append(h.tree.roots, chain.Hash(row))
		begin += 1 << level
		left -= 1 << level
	}
	return nil
}

// LogHashes reads the nodes of a chain's log of headers (RFC 6962), numbered as
// tlog.StoredHashIndex does.
func (s *Store) LogHashes(token string) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			node, err := s.hash(token, keys.NodeTable, uint64(index))
			if err != nil {
				return nil, err
			}
			hashes[i] = tlog.Hash(node)
		}
		return hashes, nil
	})
}

// Digest is what all changes of a chain's state up to a block come to; it
// fails with chain.NotFound where it is not kept.
func (s *Store) Digest(token string, index uint64) (chain.Hash, error) {
	return s.hash(token, keys.DigestTable, index)
}

// hash reads a hash of a table whose rows are hashes by number.
func (s *Store) hash(token string, table byte, index uint64) (chain.Hash, error) {
	return lookup(s, token, func(h *Head) (hash chain.Hash, known bool) {
		k := hashKey{h.Number, uint32(table), index}
		if hash, known = s.active.hashes[k]; !known && s.frozen != nil {
			hash, known = s.frozen.hashes[k]
		}
		return hash, known
	}, func(r pebble.Reader, contract uint32) (chain.Hash, error) {
		row, err := engine.Get(r, keys.Block{Contract: contract, Index: index}.In(table))
		if err == nil && len(row) != len(chain.Hash{}) {
			err = fmt.Errorf("%w: %d in table %q", chain.NotFound, index, table)
		}
		if err != nil {
			return chain.Hash{}, err
		}
		return chain.Hash(row), nil
	})
}
