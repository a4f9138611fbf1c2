package store

import (
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/hashtable"
	"github.com/bpsc/bpsc/store/keys"
)

// ExpectAhead is how many transactions Expect is best called with: what they look up
// stays in the processor's nearest cache until they are decided.
const ExpectAhead = 32

// Expect says which transactions are decided next. It only reads, and nothing depends
// on it: what a decision looks up is nearly always far from the processor, and here
// the reads of several do not wait for one another.
func (tx *Tx) Expect(h *Head, next []chain.Transaction) {
	s, seen := tx.s, uint64(0)
	var found [2 * ExpectAhead]expected
	for i := range next[:min(len(next), ExpectAhead)] {
		t := &next[i]
		k := keys.ID{Contract: h.Number, ID: t.ID}
		seen += s.ids.Peek(&k) | s.active.ids.Peek(&k)
		found[2*i], found[2*i+1] = s.peek(h.Number, t.Sender), s.peek(h.Number, t.Recipient)
	}
	for _, e := range found {
		if e.in != nil {
			_, name, a := e.in.At(e.entry)
			seen += a.Records
			if len(name) > 0 {
				seen += uint64(name[0])
			}
		}
	}
	tx.seen = seen // so that the compiler keeps the reads
}

// expected is where an account probably is; without a set it is not in memory.
type expected struct {
	in    *hashtable.Accounts
	entry int
}

// peek finds an account without a look at its name.
func (s *Store) peek(contract uint32, name string) expected {
	hash := s.active.accounts.Hash(contract, name)
	for _, in := range [...]*hashtable.Accounts{s.active.accounts, s.frozenAccounts(), s.recent} {
		if in == nil {
			continue
		}
		if entry := in.Probe(hash); entry >= 0 {
			return expected{in, entry}
		}
	}
	return expected{}
}

func (s *Store) frozenAccounts() *hashtable.Accounts {
	if s.frozen == nil {
		return nil
	}
	return s.frozen.accounts
}
