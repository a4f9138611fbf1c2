package hashtable

import (
	"hash/maphash"

	"github.com/bpsc/bpsc/store/keys"
)

// IDs are ids that have become records, by contract and id. There are no pointers in them:
// the garbage collector need not look at them.
type IDs struct {
	seed  maphash.Seed
	index index
	list  []Placed // in the order in which they came
}

// Placed is an id and where its record stands. It has the size of a line of the processor's
// cache.
type Placed struct {
	Key      keys.ID
	Position uint32
	Block    uint64
	Content  [12]byte // fingerprint of the request
}

// NewIDs returns an empty set.
func NewIDs() IDs { return IDs{seed: maphash.MakeSeed()} }

// Alike returns an empty set with room for about as many.
func (s *IDs) Alike() IDs {
	return IDs{seed: s.seed, index: roomFor(len(s.list)), list: make([]Placed, 0, len(s.list))}
}

// hash keys an id's own bits: somebody may have chosen them to fall together.
func (s *IDs) hash(k *keys.ID) uint64 {
	return maphash.Bytes(s.seed, k.ID[:]) + uint64(k.Contract)*0x9e3779b97f4a7c15
}

// Find returns the entry of an id; nil where there is none. It is valid until the
// next Set.
func (s *IDs) Find(k *keys.ID) *Placed {
	if len(s.list) == 0 {
		return nil
	}
	hash := s.hash(k)
	for entry, slot := s.index.next(hash, s.index.first(hash)); entry >= 0; entry, slot = s.index.next(hash, slot) {
		if at := &s.list[entry]; at.Key == *k {
			return at
		}
	}
	return nil
}

// Peek reads where an id is looked for at first.
func (s *IDs) Peek(k *keys.ID) uint64 {
	if len(s.list) == 0 {
		return 0
	}
	return s.index.slots[s.index.first(s.hash(k))]
}

// Set puts in an id, in the place of what it was.
func (s *IDs) Set(at Placed) {
	if old := s.Find(&at.Key); old != nil {
		*old = at
		return
	}
	s.index.add(s.hash(&at.Key), len(s.list))
	s.list = append(s.list, at)
}

// List is all of them, in the order in which they came. It is valid until the next Set.
func (s *IDs) List() []Placed { return s.list }
