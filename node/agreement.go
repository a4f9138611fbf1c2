package node

import (
	"slices"
	"sync"
	"time"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/chain"
)

// agreementsAge is how old what members agree on may be when it is shown. They tell it a
// few times a second, and it is made of what they told of a hundred chains: who asks more
// often gets the same again.
const agreementsAge = 500 * time.Millisecond

// agreements are those of a member, made at most once in agreementsAge however many ask.
// Whoever asks while they are being made waits for them.
type agreements struct {
	compare func() map[string]*api.Agreement

	mu   sync.Mutex // guards what follows
	last map[string]*api.Agreement
	at   time.Time // when last was made, zero before
}

// of returns them as of now or a little before. They are not to be changed.
func (a *agreements) of(now time.Time) map[string]*api.Agreement {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at.IsZero() || now.Sub(a.at) >= agreementsAge {
		a.last, a.at = a.compare(), now
	}
	return a.last
}

// compareAll is what each signer has told of its state of the first chains, beside what
// the others told, by identity.
func (m *Member) compareAll() map[string]*api.Agreement {
	of := map[string]*api.Agreement{}
	standard, _ := m.store.DefaultToken()
	infos := m.store.Contracts()
	for _, info := range infos[:min(len(infos), api.MaxDiagnosed)] {
		token := info.Contract.Token
		said, _, err := m.store.Attestations(token)
		if err != nil {
			continue // the store is closing
		}
		for signer, told := range compareAttested(said) {
			if of[signer] == nil {
				of[signer] = &api.Agreement{}
			}
			a := of[signer]
			a.Chains++
			if told.compared {
				a.Compared++
			}
			if told.differs {
				a.Differs = append(a.Differs, token)
			}
			if token == standard {
				a.Size = told.size
			}
		}
	}
	return of
}

// compared is what a member has told of one chain.
type compared struct {
	compared bool   // of a size of which another told, too
	differs  bool   // at some size it is not with the most
	size     uint64 // the largest at which it is, together with another
}

// compareAttested compares what members have told of one chain. Witnesses have no state.
func compareAttested(said []chain.Attestation) map[string]compared {
	type state struct{ root, digest chain.Hash }
	sizes := map[uint64]map[state]int{} // how many members have told it
	members := slices.DeleteFunc(slices.Clone(said), chain.Attestation.ByWitness)
	for _, a := range members {
		if sizes[a.Size] == nil {
			sizes[a.Size] = map[state]int{}
		}
		sizes[a.Size][state{a.Root, a.Digest}]++
	}
	of := map[string]compared{}
	for _, a := range members {
		told := of[a.Member]
		with := sizes[a.Size][state{a.Root, a.Digest}]
		all, most := 0, true
		for other, votes := range sizes[a.Size] {
			all += votes
			most = most && (votes < with || other == state{a.Root, a.Digest})
		}
		told.compared = told.compared || all > 1
		told.differs = told.differs || !most
		if most && with > 1 {
			told.size = max(told.size, a.Size)
		}
		of[a.Member] = told
	}
	return of
}
