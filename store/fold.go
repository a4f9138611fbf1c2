package store

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/bpsc/bpsc/internal/release"
)

// Fold takes a change into the digest of a chain's state: all bytes that say what is
// now. What it comes to depends on the changes, their order, and where entries and blocks
// end among them, which is the same on every member.
//
// Before release.Access each change is hashed at once with the digest before it. From
// then on it waits for the others of its entry, or of its block if that ends first: of three
// small changes a transfer, hashing them alone is five times the work.
func (tx *Tx) Fold(h *Head, change []byte) {
	if tx.s.meta.Level.Level < release.Access {
		var room [384]byte // for nearly all
		h.Digest = sha256.Sum256(append(append(room[:0], h.Digest[:]...), change...))
		return
	}
	if len(h.changes) == 0 {
		tx.changed = append(tx.changed, h)
		h.changes = append(h.changes, h.Digest[:]...) // which settle replaces by the newest
	}
	h.changes = append(binary.AppendUvarint(h.changes, uint64(len(change))), change...)
	if len(h.changes) >= foldBytes {
		h.settle()
	}
}

// settle makes the digest one of all changes so far.
func (h *Head) settle() {
	if len(h.changes) == 0 {
		return
	}
	copy(h.changes, h.Digest[:])
	h.Digest = sha256.Sum256(h.changes)
	h.changes = h.changes[:0]
}

// settle is the end of an entry: what a head keeps has all of its changes.
func (tx *Tx) settle() {
	for _, h := range tx.changed {
		h.settle()
	}
}
