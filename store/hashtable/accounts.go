package hashtable

import (
	"hash/maphash"

	"github.com/bpsc/bpsc/chain"
)

// Accounts are wallets by contract and name. Nothing is looked up as often, so the
// caller hashes a name once and looks with that hash in all sets of a store, which
// share their seed. Names are copied: those that come in share the memory of a
// request.
type Accounts struct {
	seed  maphash.Seed
	index index
	list  []namedAccount // in the order in which they came
	names []byte         // of list, one behind the other
}

type namedAccount struct {
	account  chain.Account
	contract uint32
	at       uint32 // of the name, in names
	size     uint16 // of the name
}

// NewAccounts returns an empty set.
func NewAccounts() *Accounts { return &Accounts{seed: maphash.MakeSeed()} }

// Alike returns an empty set with the same seed and room for about as many.
func (a *Accounts) Alike() *Accounts {
	return &Accounts{seed: a.seed, index: roomFor(len(a.list)),
		list: make([]namedAccount, 0, len(a.list)), names: make([]byte, 0, len(a.names))}
}

// Hash is what an account is looked for by in all sets of a seed.
func (a *Accounts) Hash(contract uint32, name string) uint64 {
	return maphash.String(a.seed, name) + uint64(contract)*0x9e3779b97f4a7c15
}

// Find returns an account; nil where there is none. It is valid until the next Set.
func (a *Accounts) Find(hash uint64, contract uint32, name string) *chain.Account {
	if len(a.list) == 0 {
		return nil
	}
	for entry, slot := a.index.next(hash, a.index.first(hash)); entry >= 0; entry, slot = a.index.next(hash, slot) {
		if n := &a.list[entry]; n.contract == contract && string(a.name(n)) == name {
			return &n.account
		}
	}
	return nil
}

// Probe returns the number of an entry that is probably of the hash, without a look at it;
// -1 where there is none.
func (a *Accounts) Probe(hash uint64) (entry int) {
	if len(a.list) == 0 {
		return -1
	}
	entry, _ = a.index.next(hash, a.index.first(hash))
	return entry
}

// Len is how many there are.
func (a *Accounts) Len() int { return len(a.list) }

// At is the entry with a number, from 0. It is valid until the next Set.
func (a *Accounts) At(entry int) (contract uint32, name []byte, account *chain.Account) {
	n := &a.list[entry]
	return n.contract, a.name(n), &n.account
}

// NameBytes is how long the names of all are together.
func (a *Accounts) NameBytes() int { return len(a.names) }

func (a *Accounts) name(n *namedAccount) []byte { return a.names[n.at:][:n.size] }

// Set reports whether the account is new.
func (a *Accounts) Set(hash uint64, contract uint32, name string, account chain.Account) bool {
	if old := a.Find(hash, contract, name); old != nil {
		*old = account
		return false
	}
	a.index.add(hash, len(a.list))
	a.list = append(a.list, namedAccount{account, contract, uint32(len(a.names)), uint16(len(name))})
	a.names = append(a.names, name...)
	return true
}

// Add takes in all of b.
func (a *Accounts) Add(b *Accounts) {
	for i := range b.list {
		n := &b.list[i]
		name := string(b.name(n))
		a.Set(a.Hash(n.contract, name), n.contract, name, n.account)
	}
}
