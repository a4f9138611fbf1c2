package chainsync

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// PolicySource says where a chain's policy comes from.
type PolicySource string

// The sources.
const (
	NoPolicy       PolicySource = ""          // nobody has shown one yet
	PolicyGiven    PolicySource = "given"     // by whoever runs this node
	PolicyFirstUse PolicySource = "first_use" // an upstream showed it, and it was kept
)

// validatePolicies makes sure that every chain has one policy at most.
func (c Config) validatePolicies() error {
	if len(c.Policies) > maxPolicies {
		return fmt.Errorf("follower: more than %d policies", maxPolicies)
	}
	var anyChain int
	pinning := map[string]int{}
	for i, p := range c.Policies {
		if p == nil || p.First() == nil {
			return errors.New("follower: a policy is nil")
		}
		if len(p.Chains()) == 0 {
			anyChain++
		}
		for _, named := range p.Chains() {
			if other, known := pinning[named.Token]; known && other != i {
				return fmt.Errorf("follower: two policies name contract %q", named.Token)
			}
			pinning[named.Token] = i
		}
	}
	if anyChain > 1 {
		return errors.New("follower: two policies name no chain: add a line `log TOKEN ID` for each of theirs")
	}
	for token, id := range c.Pins {
		if i, known := pinning[token]; known && !slices.Contains(c.Policies[i].Chains(), proof.Chain{Token: token, ID: id}) {
			return fmt.Errorf("follower: the policy for contract %q names another chain than the pin, which is %s", token, id)
		}
	}
	return nil
}

// policy is the one that is given for a chain, or nil.
func (c *Config) policy(token string) (anyChain *proof.History) {
	for _, p := range c.Policies {
		if len(p.Chains()) == 0 {
			anyChain = p
		}
		for _, named := range p.Chains() {
			if named.Token == token {
				return p
			}
		}
	}
	return anyChain
}

// errNotTrusted: trust was made explicit, and does not reach this contract.
var errNotTrusted = errors.New("no policy or pin that is given covers the contract, and it is not to be believed on first use")

// trusts tells whether it is said whom to believe about a token. Where policies
// are given, one must cover it: a pin names a chain, and not whose signatures
// count. Where only pins are, it must have one. Where nothing is given, the first
// upstream is believed.
func (c *Config) trusts(token string) bool {
	_, pinned := c.Pins[token]
	switch {
	case slices.Contains(c.FirstUse, token), c.policy(token) != nil:
		return true
	case len(c.Policies) > 0:
		return false
	}
	return pinned || len(c.Pins) == 0
}

// pin is the genesis block that a chain must have; zero: any. A policy that
// names one chain of this token pins it too.
func (c *Config) pin(token string) chain.Hash {
	if id := c.Pins[token]; !id.IsZero() {
		return id
	}
	var ids []chain.Hash
	if p := c.policy(token); p != nil {
		for _, named := range p.Chains() {
			if named.Token == token {
				ids = append(ids, named.ID)
			}
		}
	}
	if len(ids) != 1 {
		return chain.Hash{}
	}
	return ids[0]
}

// GivesPolicy tells whether it is said whose signatures count for a token, so that none that
// was kept is needed.
func (c *Config) GivesPolicy(token string) bool { return c.policy(token) != nil }
