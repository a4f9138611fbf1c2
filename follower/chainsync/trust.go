package chainsync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
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
		if p == nil {
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
func (c *Config) policy(token string) (anyChain *proof.Policy) {
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

// policyFile is where the policy of a chain is that was given none.
func (cs *checkpoints) policyFile() string {
	return filepath.Join(cs.cfg.PolicyDir, cs.token+".policy")
}

// openPolicy finds the policy that is given, or was kept.
func (cs *checkpoints) openPolicy() error {
	if p := cs.cfg.policy(cs.token); p != nil {
		cs.policy, cs.source = p, PolicyGiven
		return nil
	}
	if cs.cfg.PolicyDir == "" {
		return nil
	}
	text, err := os.ReadFile(cs.policyFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		cs.policy, err = proof.ParsePolicy(text)
	}
	if err != nil {
		return fmt.Errorf("follower: %s: %w", cs.policyFile(), err)
	}
	cs.source = PolicyFirstUse
	return nil
}

// pinPolicy asks the upstreams for the policy of a chain that was given none,
// and keeps the first for good. The error is final.
func (cs *checkpoints) pinPolicy(ctx context.Context, origin proof.Chain) error {
	for _, p := range cs.peers.askable(false) {
		policy, err := cs.client.policy(ctx, p.url, origin)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			if err := cs.missed(p, err); err != nil {
				return err
			}
			continue
		}
		if err := durable.WriteFile(cs.policyFile(), []byte(policy.String()), 0o600); err != nil {
			return err
		}
		var keys []string
		for _, m := range policy.Members() {
			keys = append(keys, m.Name+" "+m.Key.String())
		}
		cs.cfg.Logger.Warn("an upstream says who the members are, and is believed from now on; compare their keys with a copy from somebody you trust",
			"contract", cs.token, "upstream", p.url, "members", keys, "file", cs.policyFile())
		cs.mu.Lock()
		cs.policy, cs.source = policy, PolicyFirstUse
		cs.mu.Unlock()
		return cs.open()
	}
	return nil
}

// policy asks an upstream whose signatures count for a chain. The error may be
// a *refusal.
func (c *httpClient) policy(ctx context.Context, upstream string, origin proof.Chain) (*proof.Policy, error) {
	text, err := c.read(ctx, upstream+"/v1/policy?contract="+origin.Token, typeText, proof.MaxPolicyBytes)
	if err != nil {
		return nil, err
	}
	policy, err := proof.ParsePolicy(text)
	if err != nil {
		return nil, refuse(CheckpointRefused, "its policy: %s", clip(err.Error()))
	}
	if !slices.Contains(policy.Chains(), origin) {
		return nil, refuse(CheckpointRefused, "its policy does not name %s %s", origin.Token, origin.ID)
	}
	return policy, nil
}
