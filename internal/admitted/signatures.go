// Package admitted remembers which signatures this process has found good, so that
// nobody here verifies one twice.
package admitted

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
)

// Signature is a signature with what it is over.
type Signature struct {
	Message   [32]byte // SHA-256 of the signed bytes
	Key       [32]byte
	Signature [64]byte
}

// generation is how many signatures there are in each of two generations: those of
// several seconds at the most that one member admits. Full, they take some 10 MiB.
const generation = 1 << 17

// Signatures are those that were found good of late. What is forgotten is verified
// again, so nobody gains by filling the memory. Any goroutines may use it at once.
type Signatures struct {
	// secret is drawn for the process. Without it nobody can look for two signatures
	// that are remembered as one.
	secret [32]byte
	most   int // in a generation

	mu         sync.Mutex // guards both
	young, old map[name]struct{}
}

// name is the beginning of a hash over all of a signature: with the secret, 128 bits are
// beyond anybody's reach.
type name [16]byte

// New returns a memory without anything in it.
func New() *Signatures { return newSignatures(generation) }

func newSignatures(most int) *Signatures {
	s := &Signatures{most: most, young: map[name]struct{}{}}
	_, _ = rand.Read(s.secret[:]) // never fails
	return s
}

// Add remembers signatures that the caller has verified.
func (s *Signatures) Add(good []Signature) {
	names := make([]name, len(good))
	for i := range good {
		names[i] = s.name(&good[i])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range names {
		if len(s.young) >= s.most {
			s.young, s.old = make(map[name]struct{}), s.young
		}
		s.young[n] = struct{}{}
	}
}

// Take tells whether a signature is remembered, and forgets it: it is asked for once, when
// the block comes that has it, so that memory stays as large as what is under way.
func (s *Signatures) Take(one *Signature) bool {
	n := s.name(one)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range []map[name]struct{}{s.young, s.old} {
		if _, known := m[n]; known {
			delete(m, n)
			return true
		}
	}
	return false
}

func (s *Signatures) name(of *Signature) (n name) {
	var text [32 + 32 + 32 + 64]byte
	copy(text[:32], s.secret[:])
	copy(text[32:64], of.Message[:])
	copy(text[64:96], of.Key[:])
	copy(text[96:], of.Signature[:])
	sum := sha256.Sum256(text[:])
	copy(n[:], sum[:])
	return n
}
