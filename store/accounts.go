package store

import (
	"maps"

	"github.com/bpsc/bpsc/chain"
)

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
	for int(contract) >= len(*a) {
		*a = append(*a, nil)
	}
	m := (*a)[contract]
	if m == nil {
		m = map[string]chain.Account{}
		(*a)[contract] = m
	}
	before := len(m)
	m[name] = account
	return len(m) > before
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
		for i >= len(*a) {
			*a = append(*a, nil)
		}
		if (*a)[i] == nil {
			(*a)[i] = m
			continue
		}
		maps.Copy((*a)[i], m)
	}
}
