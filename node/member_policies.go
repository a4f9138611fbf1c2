package node

import (
	"fmt"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/store"
)

// policies are those of the cluster's members, as the log has them, with the witnesses
// that this member is configured for: those are everybody's own choice.
type policies struct {
	*store.Store
	witnesses []proof.Cosigner
	required  int
}

// Quorum is who has to attest a size of a chain: a majority of the policy's members, or
// while there is none of those who vote, and witnesses.
func (p policies) Quorum(token string, size uint64) attest.Quorum {
	q := attest.Quorum{Required: p.required}
	policy, err := p.Judge(token, size)
	if err != nil {
		return q // nobody counts in a chain that is not there
	}
	if policy == nil {
		q.Members = p.Voters()
	} else {
		q.Members = identities(policy)
	}
	q.Majority = proof.Majority(len(q.Members))
	for _, w := range p.witnesses {
		q.Witnesses = append(q.Witnesses, w.Name)
	}
	return q
}

func identities(p *store.Policy) (ids []string) {
	for _, s := range p.Members {
		ids = append(ids, s.Member)
	}
	return ids
}

// Handovers are all that there have been.
func (p policies) Handovers() (all []attest.Handover, more <-chan struct{}, err error) {
	list, more := p.Policies()
	chains := p.chains()
	for number := 2; number <= len(list); number++ {
		statement, err := fsm.Handover(list, number, chains)
		if err != nil {
			return nil, more, err
		}
		signers := store.Endorsers(list, number)
		h := attest.Handover{Handover: statement, Signers: identities(signers), Needed: proof.Majority(len(signers.Members))}
		for _, e := range list[number-1].Endorsed {
			h.Endorsed = append(h.Endorsed, e.Member)
		}
		all = append(all, h)
	}
	return all, more, nil
}

// chains are all that there are, by their numbers.
func (p policies) chains() (all []proof.Chain) {
	for _, info := range p.Contracts() {
		all = append(all, proof.Chain{Token: info.Contract.Token, ID: info.ID})
	}
	return all
}

// newest is the policy that judges what is signed now, with what is known besides: how the
// members are reached, witnesses, and which chain has a token; "": any chain is meant.
func (p policies) newest(token string) (*proof.Policy, error) {
	list, _ := p.Policies()
	if len(list) == 0 {
		return nil, p.incomplete()
	}
	newest, err := fsm.PolicyOf(list[len(list)-1])
	if err != nil {
		return nil, err
	}
	members := newest.Members()
	for i, id := range identities(list[len(list)-1]) {
		members[i].URL = p.Member(id).URL
	}
	var chains []proof.Chain
	if token != "" {
		info, err := p.Contract(token)
		if err != nil {
			return nil, err
		}
		chains = append(chains, proof.Chain{Token: info.Contract.Token, ID: info.ID})
	}
	majority, _ := newest.Required()
	witnesses := p.witnesses
	if p.required == 0 {
		witnesses = nil // they are asked, and nobody has to wait for them
	}
	return proof.NewPolicy(members, majority, witnesses, p.required, chains...)
}

// incomplete says why there is no policy yet.
func (p policies) incomplete() error {
	for _, id := range p.Voters() {
		if !p.KeyKnown(id) {
			return fmt.Errorf("%w: %s has not announced its key", chain.NotFound, id)
		}
	}
	return fmt.Errorf("%w: it is not known yet who the members are", chain.NotFound)
}

// history is the text of the policies from a number on, as far as they have been handed
// over, and no longer than one may be.
func (p policies) history(from int) ([]byte, error) {
	list, _ := p.Policies()
	if len(list) == 0 {
		return nil, p.incomplete()
	}
	from = max(from, 1)
	if from > len(list) {
		return nil, fmt.Errorf("%w: there are %d policies", chain.NotFound, len(list))
	}
	first, err := fsm.PolicyOf(list[from-1])
	if err != nil {
		return nil, err
	}
	notes, err := p.signed(from)
	if err != nil {
		return nil, err
	}
	text := []byte(first.Core().String())
	for _, note := range notes {
		text = append(append(text, '\n'), note...)
	}
	return text, nil
}

// signed are the handovers to the policies after a number, each with signatures enough, for
// clients and witnesses;
// those after one that lacks some are of no use yet.
func (p policies) signed(after int) (notes [][]byte, err error) {
	list, _ := p.Policies()
	chains, size := p.chains(), 0
	after = max(after, 1)
	for number := after + 1; number <= min(len(list), after+maxHandovers); number++ {
		endorsed := list[number-1].Endorsed
		if len(endorsed) < proof.Majority(len(store.Endorsers(list, number).Members)) {
			break
		}
		statement, err := fsm.Handover(list, number, chains)
		if err != nil {
			return nil, err
		}
		var lines []string
		for _, e := range endorsed {
			lines = append(lines, e.Cosignature)
		}
		note, err := proof.AssembleNote(statement.Body(), lines...)
		if err != nil {
			return nil, err
		}
		if size += len(note); size > maxHistoryBytes && len(notes) > 0 {
			break
		}
		notes = append(notes, note)
	}
	return notes, nil
}

// maxHandovers and maxHistoryBytes bound the handovers of one answer; who wants more asks
// again, from the last. In a cluster of a thousand chains one has 130 KiB.
const (
	maxHandovers    = 64
	maxHistoryBytes = 1 << 20
)

// url is how the API of a member with an id is reached; "" where that is not known.
func (p policies) url(id string) (url string) {
	for member, m := range p.Members() {
		if identity.Identity(member).ID() == id && !m.Removed && (url == "" || m.Voter) {
			url = m.URL
		}
	}
	return url
}

// urls are the addresses of the API that members which were not removed have announced.
func (p policies) urls() (urls []string) {
	for _, m := range p.Members() {
		if !m.Removed && m.URL != "" {
			urls = append(urls, m.URL)
		}
	}
	return urls
}
