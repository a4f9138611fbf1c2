package store

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// ids are placements that are no refusals, which almost all are, by contract and id.
// There are no pointers in them: the garbage collector need not look at them.
type ids struct {
	seed   maphash.Seed
	places places
	list   []placedID // in the order in which they came
}

// placedID is an id and its Placement. It has the size of a line of the processor's
// cache.
type placedID struct {
	key      keys.ID
	position uint32
	block    uint64
	content  Fingerprint
}

func newIDs() ids { return ids{seed: maphash.MakeSeed()} }

// alike returns an empty set with room for about as many.
func (s *ids) alike() ids {
	return ids{seed: s.seed, places: roomFor(len(s.list)), list: make([]placedID, 0, len(s.list))}
}

// hash keys an id's own bits: somebody may have chosen them to fall together.
func (s *ids) hash(k *keys.ID) uint64 {
	return maphash.Bytes(s.seed, k.ID[:]) + uint64(k.Contract)*0x9e3779b97f4a7c15
}

// find returns the entry of an id; nil where there is none. It is valid until the
// next set.
func (s *ids) find(k *keys.ID) *placedID {
	if len(s.list) == 0 {
		return nil
	}
	hash := s.hash(k)
	for entry, slot := s.places.next(hash, s.places.first(hash)); entry >= 0; entry, slot = s.places.next(hash, slot) {
		if at := &s.list[entry]; at.key == *k {
			return at
		}
	}
	return nil
}

// set decides an id.
func (s *ids) set(k keys.ID, p Placement) {
	at := placedID{k, uint32(p.Position), p.Block, p.Content}
	if old := s.find(&k); old != nil {
		*old = at
		return
	}
	s.places.add(s.hash(&k), len(s.list))
	s.list = append(s.list, at)
}

// appendRows appends the rows of all, of the epochs of their contracts. They share
// memory.
func (s *ids) appendRows(rows []engine.Row, epochs []keys.Epoch) []engine.Row {
	arena := make([]byte, 0, len(s.list)*(keys.IDBytes+2*binary.MaxVarintLen32+len(Fingerprint{})))
	for i := range s.list {
		at := &s.list[i]
		start := len(arena)
		arena = at.key.Append(arena, epochs)
		split := len(arena)
		arena = at.appendRow(arena)
		rows = append(rows, engine.Row{Key: arena[start:split:split], Value: arena[split:len(arena):len(arena)]})
	}
	return rows
}

// appendRow appends what is stored under the id.
func (at *placedID) appendRow(row []byte) []byte {
	row = binary.AppendUvarint(binary.AppendUvarint(row, at.block), uint64(at.position))
	if at.content != (Fingerprint{}) {
		row = append(row, at.content[:]...)
	}
	return row
}

// placement is what is known of the id.
func (at *placedID) placement() Placement {
	return Placement{Block: at.block, Position: int(at.position), Content: at.content}
}
