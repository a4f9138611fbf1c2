package store

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
)

// nodeKey names a node of a chain's log of headers (RFC 6962) as
// tlog.StoredHashIndex counts them.
type nodeKey struct {
	contract uint32
	index    uint64
}

func (k nodeKey) bytes() []byte {
	return binary.BigEndian.AppendUint64(tableKey(nodeTable, k.contract), k.index)
}

func (k blockKey) inTable(table byte) []byte {
	return binary.BigEndian.AppendUint64(tableKey(table, k.contract), k.index)
}

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
func (h *Head) loadTree(db *pebble.DB) error {
	h.tree = frontier{size: h.Index}
	begin := uint64(0)
	for left := h.Index; left > 0; {
		level := bits.Len64(left) - 1
		row, err := get(db, nodeKey{h.Number, nodeIndex(level, begin>>level)}.bytes())
		if err != nil {
			return err
		}
		if len(row) != len(chain.Hash{}) {
			return fmt.Errorf("%w: log of headers of %s", errCorrupt, h.Contract.Token)
		}
		h.tree.roots = append(h.tree.roots, chain.Hash(row))
		begin += 1 << level
		left -= 1 << level
	}
	return nil
}

func (l *layer) appendTree(rows []row) []row {
	for k, node := range l.nodes {
		rows = append(rows, row{key: k.bytes(), value: node[:]})
	}
	for k, digest := range l.digests {
		rows = append(rows, row{key: k.inTable(digestTable), value: digest[:]})
	}
	return rows
}

// LogHashes reads the nodes of a chain's log of headers.
func (s *Store) LogHashes(token string) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			node, err := s.hash(token, nodeTable, uint64(index), func(l *layer, k nodeKey) (chain.Hash, bool) {
				node, ok := l.nodes[k]
				return node, ok
			})
			if err != nil {
				return nil, err
			}
			hashes[i] = tlog.Hash(node)
		}
		return hashes, nil
	})
}

// Digest is what all changes of a chain's state up to a block come to; it
// fails with chain.NotFound where nobody keeps it.
func (s *Store) Digest(token string, index uint64) (chain.Hash, error) {
	return s.hash(token, digestTable, index, func(l *layer, k nodeKey) (chain.Hash, bool) {
		d, ok := l.digests[blockKey(k)]
		return d, ok
	})
}

// hash reads a hash of a table whose rows are hashes by number.
func (s *Store) hash(token string, table byte, index uint64, in func(l *layer, k nodeKey) (chain.Hash, bool)) (chain.Hash, error) {
	return lookup(s, token, func(h *Head) (hash chain.Hash, known bool) {
		k := nodeKey{h.Number, index}
		if hash, known = in(s.active, k); !known && s.frozen != nil {
			hash, known = in(s.frozen, k)
		}
		return hash, known
	}, func(r pebble.Reader, contract uint32) (chain.Hash, error) {
		row, err := get(r, blockKey{contract, index}.inTable(table))
		if err == nil && len(row) != len(chain.Hash{}) {
			err = fmt.Errorf("%w: %d in table %q", chain.NotFound, index, table)
		}
		if err != nil {
			return chain.Hash{}, err
		}
		return chain.Hash(row), nil
	})
}

// Attest replaces what members have said about a chain. attested is not
// changed any more.
func (tx *Tx) Attest(h *Head, attested []chain.Attestation) {
	h.attested = attested
	h.words++
	close(h.more)
	h.more = make(chan struct{})
}

// Attestations is what members have said about a chain of late, and a channel
// that is closed when there is more.
func (s *Store) Attestations(token string) ([]chain.Attestation, <-chan struct{}, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return nil, nil, err
	}
	return h.attested, h.more, nil
}
