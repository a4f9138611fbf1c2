// Package hashtable has the accounts and the ids of a layer in memory, in tables made for them:
// most of what a transaction costs there is the way to memory, so entries stand in the order in
// which they came, without pointers where that can be, and are found by one keyed hash.
package hashtable

// index finds entries of a list by their hashes: a table with open addressing and
// linear probing, at most half full. Whoever has the list compares keys. A slot is
// the number of an entry, from 1, below the upper half of its hash, whose first bits
// say where to look first; so to grow takes no look at the list, and to find nothing
// takes none at an entry. Hashes must be keyed: keys come from strangers.
type index struct {
	slots []uint64
	shift uint8 // from a hash to its first slot
	used  int
}

const (
	fewestSlots = 16 // a power of two
	entryBits   = 32
)

// first is the slot where the hash is looked for. There must be slots.
func (x *index) first(hash uint64) int { return int(hash >> x.shift) }

// next returns the next entry, from a slot on, that may be of the hash, and the slot
// behind it; no entry, and where one can be put, when there is none.
func (x *index) next(hash uint64, slot int) (entry, behind int) {
	for {
		slot &= len(x.slots) - 1
		s := x.slots[slot]
		switch {
		case s == 0:
			return -1, slot
		case s>>entryBits == hash>>entryBits:
			return int(uint32(s)) - 1, slot + 1
		}
		slot++
	}
}

// add puts in an entry that is not there.
func (x *index) add(hash uint64, entry int) {
	if 2*(x.used+1) > len(x.slots) {
		x.grow(2 * len(x.slots))
	}
	x.put(hash>>entryBits<<entryBits | uint64(entry+1))
	x.used++
}

// put puts a slot where there is room for it.
func (x *index) put(s uint64) {
	at := x.first(s)
	for ; x.slots[at] != 0; at = (at + 1) & (len(x.slots) - 1) {
	}
	x.slots[at] = s
}

// grow makes slots for at least that many.
func (x *index) grow(least int) {
	n, shift := fewestSlots, uint8(64-4)
	for ; n < least; n, shift = 2*n, shift-1 {
	}
	old := x.slots
	x.slots, x.shift = make([]uint64, n), shift
	for _, s := range old {
		if s != 0 {
			x.put(s)
		}
	}
}

// roomFor returns a table for about that many entries.
func roomFor(entries int) (x index) {
	if entries > 0 {
		x.grow(2*entries + entries/4)
	}
	return x
}
