package store

import "github.com/bpsc/bpsc/chain"

// layer is a set of changes in memory, on top of what Pebble holds. The
// active one is written by Update; a frozen one is never written again.
type layer struct {
	rows     map[string][]byte // heads, pending records, nodes, members: by full key
	accounts map[accountKey]chain.Account
	ids      map[idKey]Placement
	holds    map[idKey]chain.HoldState
	blocks   map[blockKey][]byte // hash and canonical bytes, see decodeBlock
	order    []blockKey          // of blocks, as they came
	index    layerIndex          // of blocks, as far as somebody asked
	bytes    int                 // estimate, for LayerBytes
	flushed  chan struct{}       // closed once Pebble holds the layer
}

type accountKey struct {
	contract uint32
	name     string
}

type idKey struct {
	contract uint32
	id       chain.ID
}

type blockKey struct {
	contract uint32
	index    uint64
}

// Estimates of what a map entry costs beside its variable part.
const (
	accountCost = 96
	idCost      = 96
	blockCost   = 96
	holdCost    = 320
)

func newLayer() *layer {
	return &layer{
		rows:     map[string][]byte{},
		accounts: map[accountKey]chain.Account{},
		ids:      map[idKey]Placement{},
		holds:    map[idKey]chain.HoldState{},
		blocks:   map[blockKey][]byte{},
		flushed:  make(chan struct{}),
	}
}

func (l *layer) setAccount(k accountKey, a chain.Account) {
	if _, known := l.accounts[k]; !known {
		l.bytes += accountCost + len(k.name)
	}
	l.accounts[k] = a
}

func (l *layer) setID(k idKey, p Placement) {
	l.ids[k] = p
	l.bytes += idCost
}

func (l *layer) setBlock(k blockKey, stored []byte) {
	l.blocks[k] = stored
	l.order = append(l.order, k)
	l.bytes += blockCost + len(stored)
}
