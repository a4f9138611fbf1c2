package fsm

import (
	"slices"

	"github.com/bpsc/bpsc/store"
)

// founding is the log index of the first configuration there can be. It stands for that
// of the founders where the state was written by a version that did not keep any.
const founding = 1

// Configure is Apply for an entry that changed who the members are. voters and nonVoters
// are identities.
//
// An entry that is applied already changes nothing, unless the state knows no
// configuration at all, because a version that kept none has written it: then this is the
// one in force there, that of the founders.
func (m *Machine) Configure(index uint64, voters, nonVoters []string) error {
	if index <= m.store.AppliedIndex() {
		return m.store.Amend(func(tx *store.Tx) error {
			if tx.Configured() == 0 {
				configure(tx, founding, voters, nonVoters)
			}
			return tx.Err()
		})
	}
	return m.store.Update(index, func(tx *store.Tx) error {
		if err := runDue(tx); err != nil {
			return err
		}
		configure(tx, index, voters, nonVoters)
		return tx.Err()
	})
}

// configure records who is a member from index on. An identity that was one and is not
// any more is barred for ever: whoever has its disk could sign in its name.
func configure(tx *store.Tx, index uint64, voters, nonVoters []string) {
	for _, id := range tx.MemberIDs() {
		m := tx.Member(id)
		if m.Since > 0 && !m.Removed && !slices.Contains(voters, id) && !slices.Contains(nonVoters, id) {
			m.Voter, m.Removed = false, true
			tx.SetMember(id, m)
		}
	}
	place := func(ids []string, voter bool) {
		for _, id := range ids {
			before := tx.Member(id)
			m := before
			m.Voter = voter && !m.Removed
			if m.Since == 0 {
				m.Since = index
			}
			if m != before {
				tx.SetMember(id, m)
			}
		}
	}
	place(voters, true)
	place(nonVoters, false)
	tx.SetConfigured(index)
	renewPolicy(tx)
}
