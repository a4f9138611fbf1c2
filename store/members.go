package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// Member is a member of the cluster, by its identity, or a witness.
type Member struct {
	URL string // of its API
	Key string // the verifier key of its checkpoints; never changes
	// Since is the log index of the first configuration that it was in; 0 where it has
	// been in none: it is a witness, or has said who it is before there was one here.
	Since   uint64 `json:",omitempty"`
	Voter   bool   `json:",omitempty"`
	Removed bool   `json:",omitempty"` // it was in a configuration and is not any more: barred for ever
	// Level is the newest that it knows; 0 where it has not said that.
	Level release.Level `json:",omitempty"`
}

func memberKey(id string) string { return string(keys.MemberTable) + id }

// loadMembers reads all rows of members: they are few, and in memory.
func (l *loaded) loadMembers(db *engine.DB) error {
	return engine.Scan(db, []byte{keys.MemberTable}, func(key, row []byte) error {
		var m Member
		if err := json.Unmarshal(row, &m); err != nil {
			return fmt.Errorf("%w: member: %w", engine.ErrCorrupt, err)
		}
		l.members[string(key[1:])] = m
		return nil
	})
}

// Member returns what is known of a member or a witness.
func (s *Store) Member(id string) Member {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.members[id]
}

// Members returns all of them by identity, those that were removed too.
func (s *Store) Members() map[string]Member {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.members)
}

// Configured is the log index of the configuration that the members are by; 0 where
// none is known.
func (s *Store) Configured() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta.Configured
}

// Removed tells whether an identity was a member and is barred for ever.
func (s *Store) Removed(id string) bool { return s.Member(id).Removed }

// Departed tells whether identities of that id were members, and all are barred.
func (s *Store) Departed(id string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	departed := false
	for who, m := range s.members {
		if identity.Identity(who).ID() != id {
			continue
		}
		if !m.Removed {
			return false
		}
		departed = true
	}
	return departed
}

// KeyKnown tells whether a member has announced its key, without which its vote would
// leave its cluster without a policy.
func (s *Store) KeyKnown(id string) bool { return s.Member(id).Key != "" }

// Voters returns the identities of those that vote, sorted; none where no configuration
// is known.
func (s *Store) Voters() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.voters()
}

func (s *Store) voters() (ids []string) {
	for id, m := range s.members {
		if m.Voter {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Member returns what is known of a member or a witness.
func (tx *Tx) Member(id string) Member { return tx.s.members[id] }

// MemberIDs are the identities of all that are known, sorted.
func (tx *Tx) MemberIDs() []string { return slices.Sorted(maps.Keys(tx.s.members)) }

// Voters are the identities of those that vote, sorted.
func (tx *Tx) Voters() []string { return tx.s.voters() }

// SetMember records a member.
func (tx *Tx) SetMember(id string, m Member) { tx.note(tx.s.setMember(id, m)) }

func (s *Store) setMember(id string, m Member) error {
	row, err := json.Marshal(m)
	if err == nil {
		s.members[id] = m
		s.active.rows[memberKey(id)] = row
	}
	return err
}

// Recovery is the last that there was; nil: none.
func (tx *Tx) Recovery() *Recovery { return tx.s.meta.Recovery }

// OpenRecovery is the last one where no policy has followed it yet.
func (tx *Tx) OpenRecovery() *Recovery {
	if !tx.s.meta.Unmarked {
		return nil
	}
	return tx.s.meta.Recovery
}

// SetRecovery records one, and whether the policy after it is still to come. r is not
// changed any more.
func (tx *Tx) SetRecovery(r *Recovery, open bool) { tx.s.meta.Recovery, tx.s.meta.Unmarked = r, open }

// Configured is the log index of the configuration that the members' rows say; 0 where
// there has been none.
func (tx *Tx) Configured() uint64 { return tx.s.meta.Configured }

// SetConfigured records it.
func (tx *Tx) SetConfigured(index uint64) { tx.s.meta.Configured = index }
