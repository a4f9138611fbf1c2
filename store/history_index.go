package store

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/bpsc/bpsc/chain"
)

// posting says that a record concerns an account, and how.
type posting struct {
	at       place
	who      who
	contract uint32
	tags     tags
}

// who stands for an account of a contract: 60 bits of a SHA-256, so that
// nobody finds a name that falls together with somebody else's. Two names of
// one's own may, so a record is looked at before it is said to be an account's.
type who uint64

const (
	whoBits    = 60
	bucketBits = 12 // accounts share rows by these, see history_rows.go
	restBits   = whoBits - bucketBits
)

func whoIs(contract uint32, name []byte) who {
	var buf [4 + chain.MaxNameBytes]byte
	b := append(binary.BigEndian.AppendUint32(buf[:0], contract), name...)
	sum := sha256.Sum256(b)
	return who(binary.BigEndian.Uint64(sum[:]) >> (64 - whoBits))
}

func (w who) bucket() uint16 { return uint16(w >> restBits) }

// layerIndex says which records of a layer's blocks concern which account. It
// is made beside the machine, by whoever needs it first: a reader, or the
// flusher, which turns it into rows.
type layerIndex struct {
	done     atomic.Int64 // how many of the layer's blocks are in, in their order
	mu       sync.Mutex   // guards what follows, and done's changes
	postings []posting    // in the order of the blocks; what has been added does not change
}

// indexedBlock is a block on its way into the index.
type indexedBlock struct {
	key   blockKey
	block *Block
}

// unindexed returns some of the blocks that the index lacks, and how many
// come before them; none when it is up to date. The layer must be frozen, or
// the caller hold the store's mu.
func (l *layer) unindexed() (from int, blocks []indexedBlock) {
	from = int(l.index.done.Load())
	size := 0
	for _, k := range l.order[from:] {
		if len(blocks) == readRun || size >= readRunBytes {
			break
		}
		blocks = append(blocks, indexedBlock{k, l.blocks[k]})
		size += len(l.blocks[k].Canonical)
	}
	return from, blocks
}

// extend adds blocks of which from come before; others may be doing the same.
func (x *layerIndex) extend(from int, blocks []indexedBlock) {
	for i := range blocks {
		x.mu.Lock()
		if x.done.Load() == int64(from+i) {
			x.addBlock(&blocks[i])
			x.done.Add(1)
		}
		x.mu.Unlock()
	}
}

// expect makes room for that many postings where there is none yet.
func (x *layerIndex) expect(n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.postings == nil {
		x.postings = make([]posting, 0, n)
	}
}

func (x *layerIndex) addBlock(b *indexedBlock) {
	var m chain.Mention
	text := records(b.block.Canonical)
	for position := 0; ; position++ {
		n := m.Read(text)
		if n == 0 {
			return
		}
		text = text[n:]
		start := len(x.postings)
		for i := range m.Wallets {
			if w := &m.Wallets[i]; len(w.Name) > 0 {
				x.add(start, posting{placeOf(b.key.index, position), whoIs(b.key.contract, w.Name), b.key.contract, tagsOf(m.Kind, w.Role)})
			}
		}
	}
}

// add adds a posting of the record whose postings begin at start; an account
// has one in a record.
func (x *layerIndex) add(start int, p posting) {
	for i := range x.postings[start:] {
		if other := &x.postings[start+i]; other.who == p.who {
			other.tags |= p.tags
			return
		}
	}
	x.postings = append(x.postings, p)
}

// of returns the postings of an account.
func (x *layerIndex) of(w who) []posting {
	x.mu.Lock()
	all := x.postings
	x.mu.Unlock()
	var list []posting
	for i := range all {
		if all[i].who == w {
			list = append(list, all[i])
		}
	}
	return list
}
