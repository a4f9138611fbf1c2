package chain

import (
	"encoding/binary"
	"sync"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519/extra/cache"
)

// Keys remembers public keys in the form in which signatures are verified, those used last:
// to bring a key into that form is a good part of verifying one signature of it. What is
// good is the same as without. It is safe for concurrent use.
//
// A key of a large batch is remembered when it comes again before some thousand others: it
// costs more to make what is remembered than it spares one signature.
type Keys struct {
	ready cache.Cache

	mu   sync.Mutex
	once []uint64 // beginnings of keys that came before, each at its place; guarded by mu
}

// NewKeys remembers so many keys, of some 1.5 kB each.
func NewKeys(most int) *Keys {
	return &Keys{ready: cache.NewLRUCache(most), once: make([]uint64, most)}
}

// largeBatch is from how many signatures on a batch is verified in a way that has no use
// for what is remembered of a key but that it is decoded. Below, the library makes all of
// it for each key that it is given.
const largeBatch = 95

// newBatch returns an empty batch for so many signatures.
func newBatch(n int) *ed25519.BatchVerifier {
	v := ed25519.NewBatchVerifierWithCapacity(n)
	if n >= largeBatch {
		v.ForceNoPublicKeyExpansion()
	}
	return v
}

// add adds a signature to a batch of n; nil remembers nothing.
func (k *Keys) add(to *ed25519.BatchVerifier, n int, s *Signed) {
	if key := k.key(&s.Key, n < largeBatch); key != nil {
		to.AddExpandedWithOptions(key, s.Message, s.Signature[:], rule())
		return
	}
	to.AddWithOptions(s.Key[:], s.Message, s.Signature[:], rule())
}

// key returns what is remembered of a key, nil for nothing. One that is not remembered
// is from now on, if it came before or at once is set.
func (k *Keys) key(key *PublicKey, atOnce bool) *ed25519.ExpandedPublicKey {
	if k == nil {
		return nil
	}
	at := (*curve.CompressedEdwardsY)(key)
	if ready := k.ready.Get(at); ready != nil || !k.again(key) && !atOnce {
		return ready
	}
	ready, err := ed25519.NewExpandedPublicKey(key[:])
	if err != nil {
		return nil // no signature of it is good
	}
	k.ready.Put(at, ready)
	return ready
}

// again tells whether a key came before, as far as that is known.
func (k *Keys) again(key *PublicKey) bool {
	begin := binary.LittleEndian.Uint64(key[:])
	k.mu.Lock()
	defer k.mu.Unlock()
	place := &k.once[begin%uint64(len(k.once))]
	again := *place == begin
	*place = begin
	return again
}
