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

// add adds a signature to a batch; nil remembers nothing.
func (k *Keys) add(to *ed25519.BatchVerifier, s *Signed) {
	if k == nil {
		to.AddWithOptions(s.Key[:], s.Message, s.Signature[:], rule())
		return
	}
	k.verifier.AddWithOptions(to, s.Key[:], s.Message, s.Signature[:], rule())
}
