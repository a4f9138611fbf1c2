package chain

import (
	"crypto/sha256"
	"slices"
)

// RootBuilder computes an RFC 6962 §2.1 Merkle tree hash leaf by leaf. It
// keeps one hash for each complete subtree, so at most log2(n) of them. The
// zero value is an empty tree.
type RootBuilder struct {
	size     uint64
	subtrees []Hash // roots of the complete subtrees, largest first
	buf      []byte // scratch for prefixed input, kept to avoid allocating
}

// ResumeRoot returns the builder of a tree that has size leaves already, given
// the roots of its complete subtrees, largest first.
func ResumeRoot(size uint64, subtrees []Hash) RootBuilder {
	return RootBuilder{size: size, subtrees: subtrees}
}

// Add appends the leaf with the given content and returns its hash.
func (b *RootBuilder) Add(leaf []byte) (hash Hash) {
	hash, b.buf = LeafHash(leaf, b.buf)
	b.AddHash(hash)
	return hash
}

// LeafHash is the hash of a leaf. It uses and returns room, which may be nil.
func LeafHash(leaf, room []byte) (Hash, []byte) {
	room = append(append(room[:0], 0x00), leaf...)
	return sha256.Sum256(room), room
}

// AddHash appends the leaf with the given hash.
func (b *RootBuilder) AddHash(leaf Hash) {
	node := leaf
	for n := b.size; n&1 == 1; n >>= 1 {
		last := len(b.subtrees) - 1
		node = interior(b.subtrees[last], node)
		b.subtrees = b.subtrees[:last]
	}
	b.subtrees = append(b.subtrees, node)
	b.size++
}

// Root returns the tree hash of the leaves added so far; that of no leaves is
// the SHA-256 of nothing.
func (b *RootBuilder) Root() Hash {
	if b.size == 0 {
		return sha256.Sum256(nil)
	}
	last := len(b.subtrees) - 1
	root := b.subtrees[last]
	for i := last - 1; i >= 0; i-- {
		root = interior(b.subtrees[i], root)
	}
	return root
}

// Subtrees are what ResumeRoot goes on with.
func (b *RootBuilder) Subtrees() []Hash { return slices.Clone(b.subtrees) }

// Reset empties the tree and keeps its memory.
func (b *RootBuilder) Reset() {
	b.size, b.subtrees = 0, b.subtrees[:0]
}

func interior(left, right Hash) Hash {
	var in [1 + 2*sha256.Size]byte
	in[0] = 0x01
	copy(in[1:], left[:])
	copy(in[1+sha256.Size:], right[:])
	return sha256.Sum256(in[:])
}
