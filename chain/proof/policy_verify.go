package proof

import (
	"fmt"
	"slices"

	"github.com/bpsc/bpsc/chain"
)

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
}

// Verify checks a signed checkpoint: that it is of the chain with the given
// origin ("": any that the policy means), and that enough members and witnesses
// signed it, each counted once. Signatures of strangers, former members among
// them, count for nothing. Errors wrap ErrEmpty, ErrTooLarge, ErrNote,
// ErrTrailing, ErrCheckpoint, ErrOrigin, ErrTimestamp, ErrSignature,
// ErrMinority or ErrWitnesses.
func (p *Policy) Verify(signedNote []byte, origin string) (Cosigned, error) {
	n, err := parseNote(signedNote)
	if err != nil {
		return Cosigned{}, err
	}
	if origin != "" && origin != n.checkpoint.Origin {
		return Cosigned{}, fmt.Errorf("%w: %s, expected %.80q", ErrOrigin, n.checkpoint.Origin, origin)
	}
	c, err := p.signers(&n)
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
// checkpoint, and returns whose it is. One that is not of the policy is
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
// meant. One bad signature by a known key spoils the note: no honest hand put
// it there.
func (p *Policy) signers(n *signedCheckpoint) (Cosigned, error) {
	if p == nil || p.majority < 1 {
		return Cosigned{}, fmt.Errorf("%w: there is none", ErrPolicy)
	}
	if _, known := p.pinned(n.checkpoint.Origin); len(p.chains) > 0 && !known {
		return Cosigned{}, fmt.Errorf("%w: the policy is not for %s", ErrOrigin, n.checkpoint.Origin)
	}
	times := make([]chain.Seconds, len(p.cosigners))
	for i := range n.signatures {
		s := &n.signatures[i]
		at := p.find(s)
		if at < 0 || times[at] != 0 {
			continue
		}
		var err error
		if times[at], err = p.cosigners[at].Key.check(n.body, s.bytes); err != nil {
			return Cosigned{}, err
		}
	}
	c := Cosigned{Checkpoint: n.checkpoint}
	for i, unix := range times {
		switch {
		case unix == 0:
		case i < p.members:
			c.Members = append(c.Members, Signer{p.cosigners[i].Name, unix})
		default:
			c.Witnesses = append(c.Witnesses, Signer{p.cosigners[i].Name, unix})
		}
	}
	return c, nil
}

// find tells whose signature s claims to be, or -1.
func (p *Policy) find(s *signature) int {
	return slices.IndexFunc(p.cosigners, func(c Cosigner) bool { return c.Key.name == s.name && c.Key.id == s.id })
}
