package proof

import (
	"fmt"
	"net/url"
	"slices"

	"github.com/bpsc/bpsc/chain"
)

// Policy says whose signatures count: the members' keys and how many of them make a
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
// and of quorum of the witnesses. Without chains it counts
// signatures of its members under any of their chains. It refuses what would let two disjoint groups
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

// Signer is who signed a checkpoint, by its name in the policy, and when.
type Signer struct {
	Name string        `json:"name"`
	Unix chain.Seconds `json:"time"` // by the signer's own clock
}

// Cosigned is a checkpoint that satisfies a policy.
type Cosigned struct {
	Checkpoint Checkpoint
	Members    []Signer // in the policy's order
	Witnesses  []Signer
	// Log is the names of the members that signed as the log itself. It takes none:
	// that is one member's word, and the majority's is there.
	Log []string
}

// Policies knows which policy judges the checkpoints of one size of a chain: a
// History, or a Policy alone, which judges all.
type Policies interface {
	For(origin string, size uint64) (*Policy, error)
}

// For is p.
func (p *Policy) For(string, uint64) (*Policy, error) { return p, nil }

// Verify checks a signed checkpoint: that it is of the chain with the given
// origin ("": any that the policy means), and that enough members and witnesses
// signed it, each counted once. Signatures of strangers, former members among
// them, count for nothing. Errors wrap ErrEmpty, ErrTooLarge, ErrNote,
// ErrTrailing, ErrCheckpoint, ErrOrigin, ErrTimestamp, ErrSignature,
// ErrMinority or ErrWitnesses.
func (p *Policy) Verify(signedNote []byte, origin string) (Cosigned, error) {
	c, _, err := verify(p, signedNote, origin)
	return c, err
}

// judge is the policy that judges a checkpoint.
func judge(all Policies, said Checkpoint) (*Policy, error) {
	if all == nil {
		return nil, fmt.Errorf("%w: there is none", ErrPolicy)
	}
	return all.For(said.Origin, said.Size)
}

// verify also returns by which policy.
func verify(all Policies, signedNote []byte, origin string) (Cosigned, *Policy, error) {
	said, n, err := parseCheckpointNote(signedNote)
	if err != nil {
		return Cosigned{}, nil, err
	}
	if origin != "" && origin != said.Origin {
		return Cosigned{}, nil, fmt.Errorf("%w: %s, expected %.80q", ErrOrigin, said.Origin, origin)
	}
	p, err := judge(all, said)
	if err != nil {
		return Cosigned{}, nil, err
	}
	c, err := p.verify(said, &n)
	return c, p, err
}

// verify checks that enough have signed.
func (p *Policy) verify(said Checkpoint, n *signedText) (Cosigned, error) {
	c, err := p.signers(said, n)
	switch {
	case err != nil:
		return Cosigned{}, err
	case len(c.Members) < p.majority:
		return Cosigned{}, fmt.Errorf("%w: %d of %d members signed, %d are needed", ErrMinority, len(c.Members), p.members, p.majority)
	case len(c.Witnesses) < p.quorum:
		return Cosigned{}, fmt.Errorf("%w: %d of %d witnesses signed, %d are needed", ErrWitnesses, len(c.Witnesses), len(p.cosigners)-p.members, p.quorum)
	}
	return c, nil
}

// CheckLine checks one signature, as Cosign returns it, over the text of a
// checkpoint or a handover, and returns whose it is. One that is not of the policy is
// ErrSignature.
func (p *Policy) CheckLine(body []byte, line string) (Signer, error) {
	if len(line) > MaxNoteBytes {
		return Signer{}, ErrTooLarge
	}
	s, err := parseLine(line)
	if err != nil {
		return Signer{}, err
	}
	i := p.find(&s)
	if i < 0 {
		return Signer{}, fmt.Errorf("%w: %s is not of the policy, or not with this key", ErrSignature, s.name)
	}
	unix, err := p.cosigners[i].Key.check(body, s.bytes)
	if err != nil {
		return Signer{}, err
	}
	return Signer{p.cosigners[i].Name, unix}, nil
}

// signers finds who of the policy signed a checkpoint of a chain that is
// meant.
func (p *Policy) signers(said Checkpoint, n *signedText) (Cosigned, error) {
	if p == nil || p.majority < 1 {
		return Cosigned{}, fmt.Errorf("%w: there is none", ErrPolicy)
	}
	if _, known := p.pinned(said.Origin); len(p.chains) > 0 && !known {
		return Cosigned{}, fmt.Errorf("%w: the policy is not for %s", ErrOrigin, said.Origin)
	}
	members, witnesses, err := p.count(n)
	if err != nil {
		return Cosigned{}, err
	}
	log, err := p.asLog(said.Origin, n)
	if err != nil {
		return Cosigned{}, err
	}
	return Cosigned{Checkpoint: said, Members: members, Witnesses: witnesses, Log: log}, nil
}

// count finds who of the policy signed a text, each counted once. One bad
// signature by a known key spoils the note: no honest hand put it there.
func (p *Policy) count(n *signedText) (members, witnesses []Signer, err error) {
	times := make([]chain.Seconds, len(p.cosigners))
	for i := range n.signatures {
		s := &n.signatures[i]
		at := p.find(s)
		if at < 0 || times[at] != 0 {
			continue
		}
		if times[at], err = p.cosigners[at].Key.check(n.body, s.bytes); err != nil {
			return nil, nil, err
		}
	}
	for i, unix := range times {
		switch {
		case unix == 0:
		case i < p.members:
			members = append(members, Signer{p.cosigners[i].Name, unix})
		default:
			witnesses = append(witnesses, Signer{p.cosigners[i].Name, unix})
		}
	}
	return members, witnesses, nil
}

// find tells whose signature s claims to be, or -1.
func (p *Policy) find(s *signature) int {
	return slices.IndexFunc(p.cosigners, func(c Cosigner) bool { return c.Key.name == s.name && c.Key.id == s.id })
}
