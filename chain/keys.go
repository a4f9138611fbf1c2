package chain

import (
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519/extra/cache"
)

// Keys remembers public keys in the form in which signatures are verified, those used last:
// to bring a key into that form is a good part of verifying one signature of it. What is
// good is the same as without. It is safe for concurrent use.
type Keys struct{ verifier *cache.Verifier }

// NewKeys remembers so many keys, of some 1.5 kB each.
func NewKeys(most int) *Keys { return &Keys{cache.NewVerifier(cache.NewLRUCache(most))} }

// VerifyBatch is the function of that name.
func (k *Keys) VerifyBatch(batch []Signed) []bool {
	if len(batch) < batchMin {
		good := make([]bool, len(batch))
		for i := range batch {
			s := &batch[i]
			good[i] = k.verifier.VerifyWithOptions(s.Key[:], s.Message, s.Signature[:], rule())
		}
		return good
	}
	v := ed25519.NewBatchVerifierWithCapacity(len(batch))
	for i := range batch {
		s := &batch[i]
		k.verifier.AddWithOptions(v, s.Key[:], s.Message, s.Signature[:], rule())
	}
	_, good := v.Verify(nil)
	return good
}
