package store

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// Policy is whose attestations count for the chains of the cluster: those of the
// members that vote, from one log index on. All that there have been are kept, for
// each checkpoint is judged by the policy of its time.
type Policy struct {
	Number  int    // from 1
	Index   uint64 // of the log, where it began
	Members []Signer
	// Ends are the sizes of the chains, by their numbers, when the policy began:
	// checkpoints of no more blocks are judged by the policies before. A chain that came
	// later has none.
	Ends     []uint64      `json:",omitempty"`
	Endorsed []Endorsement `json:",omitempty"` // of the handover to this policy
	// Recovery is what took the place of a majority of the policy before, nil where that
	// has decided.
	Recovery *Recovery `json:",omitempty"`
}

// Signer is a member as a policy names it.
type Signer struct {
	Member string // identity
	Key    string // verifier key
}

// Endorsement is a member's signature of the handover to a policy.
type Endorsement struct {
	Member      string // identity
	Cosignature string
}

// Recovery says who made what was left of a cluster go on without a majority.
type Recovery struct {
	By     string // as that person has called itself
	Reason string
	Time   chain.Seconds // by the clock of the machine where it was done
	Before []string      // identities of the voters, sorted
	After  []string
}

// Is tells whether two are the same.
func (r *Recovery) Is(other *Recovery) bool {
	return r.By == other.By && r.Reason == other.Reason && r.Time == other.Time &&
		slices.Equal(r.Before, other.Before) && slices.Equal(r.After, other.After)
}

// Names tells whether a member is of the policy.
func (p *Policy) Names(member string) bool { return p.Key(member) != "" }

// Key is the verifier key of a member of the policy; "" of others.
func (p *Policy) Key(member string) string {
	if i := slices.IndexFunc(p.Members, func(s Signer) bool { return s.Member == member }); i >= 0 {
		return p.Members[i].Key
	}
	return ""
}

// End is how many blocks of a chain the policies before judge.
func (p *Policy) End(chain uint32) uint64 {
	if int(chain) >= len(p.Ends) {
		return 0
	}
	return p.Ends[chain]
}

// judge is the policy that judges a checkpoint of a chain; nil while there is none.
func judge(policies []*Policy, chain uint32, size uint64) *Policy {
	for _, p := range slices.Backward(policies) {
		if p.Number == 1 || size > p.End(chain) {
			return p
		}
	}
	return nil
}

// Judge returns the policy that judges checkpoints of a size of a chain; nil while
// there is none. It does not change.
func (s *Store) Judge(token string, size uint64) (*Policy, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, err := s.head(token)
	if err != nil {
		return nil, err
	}
	return judge(s.policies, h.Number, size), nil
}

// Policies returns all policies by their numbers, which do not change, and a channel
// that is closed once there are others.
func (s *Store) Policies() (all []*Policy, more <-chan struct{}) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.policies, s.policed
}

// Policies are all policies by their numbers.
func (tx *Tx) Policies() []*Policy { return tx.s.policies }

// Judge is the policy that judges checkpoints of a size of a chain; nil while there is
// none.
func (tx *Tx) Judge(h *Head, size uint64) *Policy { return judge(tx.s.policies, h.Number, size) }

// SetPolicy adds the next policy, or puts one in the place of that with its number. It
// keeps p, which is not changed any more.
func (tx *Tx) SetPolicy(p *Policy) {
	row, err := json.Marshal(p)
	if err != nil {
		tx.note(err)
		return
	}
	s := tx.s
	all := slices.Clone(s.policies) // readers have the list that was
	if p.Number > len(all) {
		all = append(all, p)
	} else {
		all[p.Number-1] = p
	}
	s.policies = all
	s.active.rows[string(policyRow(p.Number))] = row
	close(s.policed)
	s.policed = make(chan struct{})
}

func policyRow(number int) []byte { return keys.Prefix(keys.PolicyTable, uint32(number)) }

// loadPolicies reads all of them: there is one for each change of the voters, with some
// bytes for each chain.
func (l *loaded) loadPolicies(db *engine.DB) error {
	return engine.Scan(db, []byte{keys.PolicyTable}, func(_, row []byte) error {
		p := &Policy{}
		if err := json.Unmarshal(row, p); err != nil {
			return fmt.Errorf("%w: policy: %w", engine.ErrCorrupt, err)
		}
		if p.Number != len(l.policies)+1 {
			return fmt.Errorf("%w: policy %d is missing", engine.ErrCorrupt, len(l.policies)+1)
		}
		l.policies = append(l.policies, p)
		return nil
	})
}

// Endorsers are those of whom a majority signs the handover to the policy with a number,
// from 2: the members of the one before, or after a recovery its own.
func Endorsers(policies []*Policy, number int) *Policy {
	if to := policies[number-1]; to.Recovery != nil {
		return to
	}
	return policies[number-2]
}

// Endorsed says which handover has not been signed by as many as it takes; nil: none.
// Whoever knows an earlier policy cannot go on to the next one until it has.
func (s *Store) Endorsed() error {
	policies, _ := s.Policies()
	for number := 2; number <= len(policies); number++ {
		needed, signed := proof.Majority(len(Endorsers(policies, number).Members)), len(policies[number-1].Endorsed)
		if signed < needed {
			return fmt.Errorf("%w: the handover to policy %d has %d of the %d signatures that it needs", chain.NotFound, number, signed, needed)
		}
	}
	return nil
}
