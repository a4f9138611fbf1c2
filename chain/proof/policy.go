package proof

import (
	"fmt"
	"net/url"
	"slices"

	"github.com/bpsc/bpsc/chain"
)

// Policy says whose word counts: the members' keys and how many of them make a
// majority, the witnesses' and how many of those it takes besides, and, where
// it is known, which chains are meant. It never changes.
type Policy struct {
	cosigners []Cosigner // the members, then the witnesses
	members   int        // how many of cosigners are members
	majority  int        // members it takes
	quorum    int        // witnesses it takes
	chains    []Chain
}

// Cosigner is a member or a witness.
type Cosigner struct {
	Name string      `json:"name"` // in the policy and in sentences: letters, digits, dots, hyphens, underscores
	Key  VerifierKey `json:"key"`
	URL  string      `json:"url,omitempty"` // where to reach it; may be empty
}

// Chain names one chain for good.
type Chain struct {
	Token string     `json:"contract"`
	ID    chain.Hash `json:"chain_id"` // hash of the genesis block
}

// Majority is the least number of n members that no other majority can do
// without.
func Majority(n int) int { return n/2 + 1 }

// NewPolicy makes a policy that wants signatures of majority of the members
// and of quorum of the witnesses. Without chains it takes the word of its
// members for any of theirs. It refuses what would let two disjoint groups
// each sign a history of their own, or one key count twice.
func NewPolicy(members []Cosigner, majority int, witnesses []Cosigner, quorum int, chains ...Chain) (*Policy, error) {
	p := &Policy{cosigners: slices.Concat(members, witnesses), members: len(members), majority: majority, quorum: quorum, chains: slices.Clone(chains)}
	switch {
	case len(members) == 0 || len(members) > MaxCosigners || len(witnesses) > MaxCosigners:
		return nil, fmt.Errorf("%w: %d members and %d witnesses, 1 to %d and at most %d", ErrPolicy, len(members), len(witnesses), MaxCosigners, MaxCosigners)
	case majority < Majority(len(members)) || majority > len(members):
		return nil, fmt.Errorf("%w: %d of %d members are not a majority", ErrPolicy, majority, len(members))
	case (quorum < 1) != (len(witnesses) == 0) || quorum < 0 || quorum > len(witnesses):
		return nil, fmt.Errorf("%w: %d of %d witnesses", ErrPolicy, quorum, len(witnesses))
	case len(chains) > MaxPolicyChains:
		return nil, fmt.Errorf("%w: %d chains, at most %d", ErrPolicy, len(chains), MaxPolicyChains)
	}
	if err := p.validateCosigners(); err != nil {
		return nil, err
	}
	if err := p.validateChains(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Policy) validateCosigners() error {
	names, keyNames, keys := map[string]bool{}, map[string]bool{}, map[chain.PublicKey]bool{}
	for _, c := range p.cosigners {
		if !validName(c.Name) || slices.Contains(reserved(), c.Name) {
			return fmt.Errorf("%w: nobody may be called %.80q", ErrPolicy, c.Name)
		}
		if !validKeyName(c.Key.name) {
			return fmt.Errorf("%w: %s has no key", ErrPolicy, c.Name)
		}
		if err := validURL(c.URL); err != nil {
			return fmt.Errorf("%w: the URL of %s: %w", ErrPolicy, c.Name, err)
		}
		// A cosignature does not say whose name it was made under, so one key
		// under two names would count as two.
		if names[c.Name] || keyNames[c.Key.name] || keys[c.Key.public] {
			return fmt.Errorf("%w: %s, or its key, is there twice", ErrPolicy, c.Name)
		}
		names[c.Name], keyNames[c.Key.name], keys[c.Key.public] = true, true, true
	}
	return nil
}

func (p *Policy) validateChains() error {
	seen := map[Chain]bool{}
	for _, c := range p.chains {
		if !validToken(c.Token) || c.ID.IsZero() {
			return fmt.Errorf("%w: %.80q is no chain", ErrPolicy, c.Token)
		}
		if seen[c] {
			return fmt.Errorf("%w: chain %s is there twice", ErrPolicy, c.Token)
		}
		seen[c] = true
	}
	return nil
}

// validURL checks an address that may be missing. It has to fit one field of
// a policy's line.
func validURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || len(text) > 1024 || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.String() != text || u.Fragment != "" {
		return fmt.Errorf("%w: %.80q is not http(s)://host/path", ErrPolicy, text)
	}
	return nil
}

// reserved are the words of a policy's text that cannot be names.
func reserved() []string {
	return []string{"log", "witness", "group", "quorum", "any", "all", "none", groupMembers, groupWitnesses, groupBoth}
}

// Members are the cluster's members.
func (p *Policy) Members() []Cosigner { return slices.Clone(p.cosigners[:p.members]) }

// Witnesses are those outside the cluster.
func (p *Policy) Witnesses() []Cosigner { return slices.Clone(p.cosigners[p.members:]) }

// Required is how many members and how many witnesses have to sign.
func (p *Policy) Required() (members, witnesses int) { return p.majority, p.quorum }

// Chains are the chains that are meant; none: any chain of these members.
func (p *Policy) Chains() []Chain { return slices.Clone(p.chains) }

// pinned finds the chain of an origin among those that are meant.
func (p *Policy) pinned(origin string) (Chain, bool) {
	i := slices.IndexFunc(p.chains, func(c Chain) bool { return Origin(c.Token, c.ID) == origin })
	if i < 0 {
		return Chain{}, false
	}
	return p.chains[i], true
}
