package store

import (
	"iter"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/hashtable"
	"github.com/bpsc/bpsc/store/history"
	"github.com/bpsc/bpsc/store/keys"
)

// layer is a set of changes in memory, on top of what Pebble holds. Update writes the
// active one with the store's mu held; a frozen one does not change, but for its
// index, and is read without a lock.
type layer struct {
	rows     map[string][]byte // heads, pending records, nodes, members: by full key
	accounts *hashtable.Accounts
	ids      hashtable.IDs // but for refused ones
	refused  map[keys.ID]Placement
	holds    map[keys.ID]hold
	notes    map[accountKey][]note // each account's in the order of their places
	blocks   map[keys.Block]*blocks.Block
	order    []keys.Block // of blocks, as they came
	hashes   map[hashKey]chain.Hash
	index    history.Index // of blocks, as far as it was needed
	bytes    int           // estimate, for LayerBytes
	applied  uint64        // of a frozen one: the last entry in it
	epochs   []keys.Epoch  // of a frozen one: by contract, of its rows; nil: they have none
	flushed  chan struct{} // closed once Pebble holds the layer
}

// hashKey is a row of nodeTable or digestTable. The table has the width that leaves
// no gap: a key without gaps is hashed at once.
type hashKey struct {
	contract, table uint32
	index           uint64
}

// Estimates of what a map entry costs beside its variable part.
const (
	accountCost = 96
	idCost      = 104
	blockCost   = 96
	holdCost    = 320
	noteCost    = 160
	nodeCost    = 96
	rowCost     = 64
)

// newLayer returns an empty layer with room for about as much as the one before
// it took: maps that need not grow spare a fifth of the work of filling them.
func newLayer(before *layer) *layer {
	if before == nil {
		before = &layer{accounts: hashtable.NewAccounts(), ids: hashtable.NewIDs()}
	}
	return &layer{
		rows:     map[string][]byte{},
		accounts: before.accounts.Alike(),
		ids:      before.ids.Alike(),
		refused:  map[keys.ID]Placement{},
		holds:    map[keys.ID]hold{},
		notes:    map[accountKey][]note{},
		blocks:   make(map[keys.Block]*blocks.Block, len(before.blocks)),
		hashes:   make(map[hashKey]chain.Hash, len(before.hashes)),
		flushed:  make(chan struct{}),
	}
}

// setRow sets a row by its full key; nil takes it away.
func (l *layer) setRow(key string, value []byte) {
	l.rows[key] = value
	l.bytes += rowCost + len(key) + len(value)
}

func (l *layer) setAccount(hash uint64, contract uint32, name string, a chain.Account) {
	if l.accounts.Set(hash, contract, name, a) {
		l.bytes += accountCost + len(name)
	}
}

func (l *layer) setID(k keys.ID, p Placement) {
	if p.Refused != "" {
		l.refused[k] = p
	} else {
		l.ids.Set(hashtable.Placed{Key: k, Position: uint32(p.Position), Block: p.Block, Content: p.Content})
	}
	l.bytes += idCost
}

// decided are all ids of the layer, those that were refused too.
func (l *layer) decided() iter.Seq[keys.ID] {
	return func(yield func(keys.ID) bool) {
		list := l.ids.List()
		for i := range list {
			if !yield(list[i].Key) {
				return
			}
		}
		for k := range l.refused {
			if !yield(k) {
				return
			}
		}
	}
}

// placement finds what the layer knows of an id.
func (l *layer) placement(k keys.ID) (Placement, bool) {
	if at := l.ids.Find(&k); at != nil {
		return Placement{Block: at.Block, Position: int(at.Position), Content: at.Content}, true
	}
	p, ok := l.refused[k]
	return p, ok
}

func (l *layer) setBlock(k keys.Block, b *blocks.Block) {
	l.blocks[k] = b
	l.order = append(l.order, k)
	l.bytes += blockCost + b.Bytes() + 2*nodeCost // a block adds two nodes in the mean
}

// unindexed returns some of the blocks that the index lacks, and how many
// come before them; none when it is up to date. The layer must be frozen, or
// the caller hold the store's mu.
func (l *layer) unindexed() (from int, more []history.Block) {
	from = l.index.Done()
	size := 0
	for _, k := range l.order[from:] {
		if len(more) == readRun || size >= readRunBytes {
			break
		}
		more = append(more, history.Block{Key: k, Block: l.blocks[k]})
		size += len(l.blocks[k].Canonical)
	}
	return from, more
}
