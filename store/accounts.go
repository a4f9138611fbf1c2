package store

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// accounts are wallets by contract and name. Nothing is looked up as often, so the
// caller hashes a name once and looks with that hash in all sets of a store, which
// share their seed. Names are copied: those that come in share the memory of a
// request.
type accounts struct {
	seed   maphash.Seed
	places places
	list   []namedAccount // in the order in which they came
	names  []byte         // of list, one behind the other
}

type namedAccount struct {
	account  chain.Account
	contract uint32
	at       uint32 // of the name, in names
	size     uint16 // of the name
}

func newAccounts() *accounts { return &accounts{seed: maphash.MakeSeed()} }

// alike returns an empty set with the same seed and room for about as many.
func (a *accounts) alike() *accounts {
	return &accounts{seed: a.seed, places: roomFor(len(a.list)),
		list: make([]namedAccount, 0, len(a.list)), names: make([]byte, 0, len(a.names))}
}

// hash is what an account is looked for by in all sets of a seed.
func (a *accounts) hash(contract uint32, name string) uint64 {
	return maphash.String(a.seed, name) + uint64(contract)*0x9e3779b97f4a7c15
}

// find returns the entry of an account; nil where there is none. It is valid until
// the next set.
func (a *accounts) find(hash uint64, contract uint32, name string) *namedAccount {
	if len(a.list) == 0 {
		return nil
	}
	for entry, slot := a.places.next(hash, a.places.first(hash)); entry >= 0; entry, slot = a.places.next(hash, slot) {
		if n := &a.list[entry]; n.contract == contract && string(a.name(n)) == name {
			return n
		}
	}
	return nil
}

func (a *accounts) name(n *namedAccount) []byte { return a.names[n.at:][:n.size] }

// set reports whether the account is new.
func (a *accounts) set(hash uint64, contract uint32, name string, account chain.Account) bool {
	if n := a.find(hash, contract, name); n != nil {
		n.account = account
		return false
	}
	a.places.add(hash, len(a.list))
	a.list = append(a.list, namedAccount{account, contract, uint32(len(a.names)), uint16(len(name))})
	a.names = append(a.names, name...)
	return true
}

// add takes in all of b.
func (a *accounts) add(b *accounts) {
	for i := range b.list {
		n := &b.list[i]
		name := string(b.name(n))
		a.set(a.hash(n.contract, name), n.contract, name, n.account)
	}
}

// appendRows appends the rows of all. They are many and small, so they share memory.
func (a *accounts) appendRows(rows []engine.Row) (_ []engine.Row, err error) {
	arena := make([]byte, 0, len(a.names)+len(a.list)*accountRowBytes)
	for i := range a.list {
		n := &a.list[i]
		start := len(arena)
		arena = append(binary.BigEndian.AppendUint32(append(arena, keys.AccountTable), n.contract), a.name(n)...)
		split := len(arena)
		if arena, err = appendAccount(arena, n.account); err != nil {
			return nil, err
		}
		rows = append(rows, engine.Row{Key: arena[start:split:split], Value: arena[split:len(arena):len(arena)]})
	}
	return rows, nil
}

// accountRowBytes is about what the row of an account takes beside its name.
const accountRowBytes = 1 + 4 + 16
