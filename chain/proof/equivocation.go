package proof

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// Equivocation is evidence that somebody signed two histories of one chain:
// two checkpoints that cannot both be of an append-only log. At equal sizes
// the roots differ. At different sizes a consistency proof that fails would
// prove nothing, since anybody can spoil one; so Root and Path are a proof that
// holds: the larger log B had the root Root when it was as large as A, and that
// is not what A says.
type Equivocation struct {
	A, B []byte       // signed notes; A's log is not the larger one
	Root chain.Hash   // of B's log at A's size; zero at equal sizes
	Path []chain.Hash // from A's size to B's, with Root; empty at equal sizes
}

// NewEquivocation puts evidence together, the smaller checkpoint first. root
// and path belong to the larger one: what it was at the smaller size, as its
// own tiles show it. It does not look at signatures.
func NewEquivocation(one, other []byte, root chain.Hash, path []chain.Hash) (*Equivocation, error) {
	a, err := ReadCheckpoint(one)
	if err != nil {
		return nil, err
	}
	b, err := ReadCheckpoint(other)
	if err != nil {
		return nil, err
	}
	if a.Size > b.Size {
		one, other, a, b = other, one, b, a
	}
	e := &Equivocation{A: one, B: other, Root: root, Path: path}
	if err := e.contradicts(a, b); err != nil {
		return nil, err
	}
	return e, nil
}

// Contradiction is what evidence proves.
type Contradiction struct {
	A, B   Checkpoint
	Signed []string // the members and witnesses that signed both, in the policy's order
}

// Verify checks that the two checkpoints contradict each other and finds who
// signed both, each by the policy of its size. It takes no majority: one signer
// is convicted by its own hand. Errors wrap ErrConsistent, ErrEvidencePath,
// ErrEvidence, ErrNobody, ErrOrigin or one of History.Verify about a note.
func (e *Equivocation) Verify(policies Policies) (*Contradiction, error) {
	a, byA, err := signed(policies, e.A)
	if err != nil {
		return nil, err
	}
	b, byB, err := signed(policies, e.B)
	if err != nil {
		return nil, err
	}
	if err := e.contradicts(a.Checkpoint, b.Checkpoint); err != nil {
		return nil, err
	}
	c := &Contradiction{A: a.Checkpoint, B: b.Checkpoint}
	others := byB.keysOf(b)
	for _, one := range byA.cosigners {
		// A name may have gone to another machine between the two.
		if a.has(one.Name) && slices.Contains(others, one.Key) {
			c.Signed = append(c.Signed, one.Name)
		}
	}
	if len(c.Signed) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNobody, a.Checkpoint.Origin)
	}
	return c, nil
}

// signed is who signed a note, however few they are.
func signed(policies Policies, note []byte) (Cosigned, *Policy, error) {
	said, n, err := parseCheckpointNote(note)
	if err != nil {
		return Cosigned{}, nil, err
	}
	p, err := judge(policies, said)
	if err != nil {
		return Cosigned{}, nil, err
	}
	c, err := p.signers(said, &n)
	return c, p, err
}

// has tells whether somebody signed, be it as the log.
func (c *Cosigned) has(name string) bool {
	return slices.Contains(c.Log, name) || slices.ContainsFunc(slices.Concat(c.Members, c.Witnesses), func(s Signer) bool { return s.Name == name })
}

// keysOf are the keys of those who signed.
func (p *Policy) keysOf(signed Cosigned) (keys []VerifierKey) {
	for _, one := range p.cosigners {
		if signed.has(one.Name) {
			keys = append(keys, one.Key)
		}
	}
	return keys
}

func (e *Equivocation) contradicts(a, b Checkpoint) error {
	switch {
	case a.Origin != b.Origin:
		return fmt.Errorf("%w: %s and %s", ErrOrigin, a.Origin, b.Origin)
	case a.Size > b.Size || a.Size == b.Size && (!e.Root.IsZero() || len(e.Path) > 0):
		return fmt.Errorf("%w: sizes %d and %d, path of %d", ErrEvidence, a.Size, b.Size, len(e.Path))
	case a.Size == b.Size && a.Root == b.Root, a.Size < b.Size && a.Root == e.Root:
		return fmt.Errorf("%w: both say the same of %d blocks", ErrConsistent, a.Size)
	case a.Size == b.Size:
		return nil
	}
	then := Checkpoint{Origin: b.Origin, Size: a.Size, Root: e.Root}
	if err := CheckConsistency(then, b, e.Path); err != nil {
		return fmt.Errorf("%w: %w", ErrEvidencePath, err)
	}
	return nil
}

// EvidenceSuffix ends the name of an evidence file.
const EvidenceSuffix = ".evidence.json"

// evidenceFormat is what an evidence file says it is.
const evidenceFormat = "bpsc/evidence/v1"

// Marshal writes e as a file: one line of canonical JSON.
func (e *Equivocation) Marshal() []byte {
	dst := pyjson.AppendString([]byte(`{"a": `), string(e.A))
	dst = pyjson.AppendString(append(dst, `, "b": `...), string(e.B))
	dst = append(dst, `, "format": "`+evidenceFormat+`", "path": `...)
	dst = appendPath(dst, e.Path)
	dst = e.Root.AppendHex(append(dst, `, "root": "`...))
	return append(dst, "\"}\n"...)
}

// ParseEvidence reads evidence in its one spelling and verifies nothing.
// Errors wrap ErrEmpty, ErrTooLarge or ErrEvidence.
func ParseEvidence(data []byte) (*Equivocation, error) {
	if err := bounded(data, MaxEvidenceBytes); err != nil {
		return nil, err
	}
	var file struct {
		A, B string
		Root chain.Hash
		Path []chain.Hash
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	e := &Equivocation{A: []byte(file.A), B: []byte(file.B), Root: file.Root, Path: append([]chain.Hash(nil), file.Path...)}
	switch {
	case len(e.Path) > maxPath:
		return nil, fmt.Errorf("%w: %w: a path of more than %d hashes", ErrEvidence, ErrTooLarge, maxPath)
	case !bytes.Equal(e.Marshal(), data): // it has one spelling: whatever json takes beside is refused here
		return nil, fmt.Errorf("%w: it is not canonical %s", ErrEvidence, evidenceFormat)
	}
	return e, nil
}
