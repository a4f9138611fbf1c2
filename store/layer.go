package store

import (
	"maps"

	"github.com/bpsc/bpsc/chain"
)

// layer is a set of changes in memory, on top of what Pebble holds. Update writes the
// active one with the store's mu held; a frozen one does not change, but for its
// index, and is read without a lock.
type layer struct {
	rows     map[string][]byte // heads, pending records, nodes, members: by full key
	accounts accounts
	ids      map[idKey]spot
	refused  map[idKey]Placement
	holds    map[idKey]hold
	notes    map[accountKey][]note // each account's in the order of their places
	blocks   map[blockKey]*Block
	order    []blockKey // of blocks, as they came
	hashes   map[hashKey]chain.Hash
	index    layerIndex    // of blocks, as far as it was needed
	bytes    int           // estimate, for LayerBytes
	applied  uint64        // of a frozen one: the last entry in it
	flushed  chan struct{} // closed once Pebble holds the layer
}

type idKey struct {
	contract uint32
	id       chain.ID
}

type blockKey struct {
	contract uint32
	index    uint64
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
		before = &layer{}
	}
	return &layer{
		rows:     map[string][]byte{},
		accounts: before.accounts.alike(),
		ids:      make(map[idKey]spot, len(before.ids)),
		refused:  map[idKey]Placement{},
		holds:    map[idKey]hold{},
		notes:    map[accountKey][]note{},
		blocks:   make(map[blockKey]*Block, len(before.blocks)),
		hashes:   make(map[hashKey]chain.Hash, len(before.hashes)),
		flushed:  make(chan struct{}),
	}
}

// setRow sets a row by its full key; nil takes it away.
func (l *layer) setRow(key string, value []byte) {
	l.rows[key] = value
	l.bytes += rowCost + len(key) + len(value)
}

func (l *layer) setAccount(contract uint32, name string, a chain.Account) {
	if l.accounts.set(contract, name, a) {
		l.bytes += accountCost + len(name)
	}
}

// spot is a Placement that is no refusal, without pointers: almost all are, and
// the garbage collector need not look at them.
type spot struct {
	block    uint64
	position uint32
	content  Fingerprint
}

func (l *layer) setID(k idKey, p Placement) {
	if p.Refused != "" {
		l.refused[k] = p
	} else {
		l.ids[k] = spot{p.Block, uint32(p.Position), p.Content}
	}
	l.bytes += idCost
}

// placement finds what the layer knows of an id.
func (l *layer) placement(k idKey) (Placement, bool) {
	if at, ok := l.ids[k]; ok {
		return Placement{Block: at.block, Position: int(at.position), Content: at.content}, true
	}
	p, ok := l.refused[k]
	return p, ok
}

func (l *layer) setBlock(k blockKey, b *Block) {
	l.blocks[k] = b
	l.order = append(l.order, k)
	l.bytes += blockCost + b.bytes() + 2*nodeCost // a block adds two nodes in the mean
}

// accounts are wallets by contract and name. There is a map for each contract:
// to find a text in one costs a third less than to find a pair, and nothing is
// looked up as often.
type accounts []map[string]chain.Account

func (a accounts) get(contract uint32, name string) (chain.Account, bool) {
	if int(contract) >= len(a) {
		return chain.Account{}, false
	}
	account, ok := a[contract][name]
	return account, ok
}

// set reports whether the account is new.
func (a *accounts) set(contract uint32, name string, account chain.Account) bool {
	m := a.of(int(contract))
	before := len(m)
	m[name] = account
	return len(m) > before
}

// of is the map of a contract, made where there is none.
func (a *accounts) of(contract int) map[string]chain.Account {
	for contract >= len(*a) {
		*a = append(*a, nil)
	}
	if (*a)[contract] == nil {
		(*a)[contract] = map[string]chain.Account{}
	}
	return (*a)[contract]
}

func (a accounts) count() (n int) {
	for _, m := range a {
		n += len(m)
	}
	return n
}

// alike returns accounts with room for about as many.
func (a accounts) alike() accounts {
	b := make(accounts, len(a))
	for i, m := range a {
		if len(m) > 0 {
			b[i] = make(map[string]chain.Account, len(m))
		}
	}
	return b
}

// add takes in all of b.
func (a *accounts) add(b accounts) {
	for i, m := range b {
		maps.Copy(a.of(i), m)
	}
}
