package main

import (
	"fmt"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/fsm"
)

// audit verifies the blocks of one chain in full, and the log of their headers
// against a checkpoint.
type audit struct {
	*fsm.Auditor
	claim  *claim // nil: there is no checkpoint
	origin string // of the chain, known with its first block
	tree   chain.RootBuilder
	leaf   []byte
	last   *chain.Block
	held   bool // the claim is true of these blocks
}

func newAudit(c *claim) *audit { return &audit{Auditor: fsm.NewAuditor(), claim: c} }

// claim is a checkpoint that blocks are held against.
type claim struct {
	proof.Checkpoint
	judged bool // by a policy: who signed it is known
	signed signedBy
}

// newClaim reads a signed note. Without a policy its signatures are not looked
// at.
func newClaim(note []byte, policy *proof.Policy) (*claim, error) {
	if policy == nil {
		c, err := proof.ReadCheckpoint(note)
		return &claim{Checkpoint: c, signed: newSignedBy(c, nil, 0, nil)}, doesNotVerify(err)
	}
	v, err := policy.Verify(note, "")
	if err != nil {
		return nil, doesNotVerify(fmt.Errorf("checkpoint: %w", err))
	}
	return &claim{Checkpoint: v.Checkpoint, judged: true,
		signed: newSignedBy(v.Checkpoint, v.Members, len(policy.Members()), v.Witnesses)}, nil
}

// next verifies the next block.
func (a *audit) next(canonical []byte) (*chain.Block, error) {
	b, err := a.Next(canonical)
	if err != nil {
		if !strings.Contains(err.Error(), "block ") { // one that cannot be read does not say which it is
			err = fmt.Errorf("block %d: %w", a.Verifier.Length()+1, err)
		}
		return nil, doesNotVerify(err)
	}
	leaf := proof.LeafOf(&b.Header, a.Verifier.Tip(), len(b.Records))
	a.leaf = proof.AppendLeaf(a.leaf[:0], &leaf)
	a.tree.Add(a.leaf)
	a.last = b
	return b, a.compare(b)
}

// compare holds the blocks so far against the checkpoint, when they are as many
// as it says.
func (a *audit) compare(b *chain.Block) error {
	if b.Index == 1 {
		a.origin = proof.Origin(b.Contract.Token, a.Verifier.Tip())
	}
	switch {
	case a.claim == nil:
		return nil
	case a.claim.Origin != a.origin:
		return doesNotVerify(fmt.Errorf("%w: the checkpoint is of %s, these blocks are of %s", proof.ErrOrigin, a.claim.Origin, a.origin))
	case b.Index != a.claim.Size:
		return nil
	}
	if root := a.tree.Root(); root != a.claim.Root {
		return doesNotVerify(fmt.Errorf("%w: up to block %d the checkpoint has root %s, these blocks have %s", proof.ErrInconsistent, b.Index, a.claim.Root, root))
	}
	a.held = true
	return nil
}

// end checks that nothing is missing, and says what was verified.
func (a *audit) end() (*verified, error) {
	v := &a.Verifier
	switch {
	case v.Length() == 0:
		return nil, doesNotVerify(fmt.Errorf("%w: there is no block", proof.ErrEmpty))
	case a.claim != nil && !a.held:
		return nil, doesNotVerify(fmt.Errorf("%w: the checkpoint is of %d blocks, and only %d are here", proof.ErrRolledBack, a.claim.Size, v.Length()))
	}
	r := &verified{Contract: v.Contract.Token, Blocks: v.Length(), Records: a.Records, Tip: v.Tip().String()}
	if a.claim != nil {
		r.Checkpoint = &heldAgainst{Judged: a.claim.judged, signedBy: a.claim.signed}
	}
	return r, nil
}

// verified is what a chain came to when all of it verified.
type verified struct {
	Contract   string       `json:"contract"`
	Blocks     uint64       `json:"blocks"`
	Records    uint64       `json:"records"`
	Tip        string       `json:"tip"`
	Checkpoint *heldAgainst `json:"checkpoint,omitempty"`
}

// heldAgainst is the checkpoint whose root the blocks have.
type heldAgainst struct {
	signedBy
	Judged bool `json:"signatures_judged"`
}

// sentences say the same to people.
func (v *verified) sentences() string {
	text := fmt.Sprintf("%s: %d blocks with %d records verify; the newest has hash %s\n", v.Contract, v.Blocks, v.Records, v.Tip)
	switch c := v.Checkpoint; {
	case c == nil:
		return text + v.Contract + ": there is no checkpoint to hold them against\n"
	case !c.Judged:
		return text + fmt.Sprintf("%s: the checkpoint of %d blocks has their root; who signed it was not judged, for want of --policy\n", v.Contract, c.Size)
	default:
		return text + fmt.Sprintf("%s: the checkpoint of %d blocks has their root, and is signed by %s\n", v.Contract, c.Size, c.by())
	}
}

// by lists who signed.
func (s *signedBy) by() string {
	text := joinNames(s.Members)
	text += fmt.Sprintf(" of %d", s.Of)
	if len(s.Witnesses) > 0 {
		text += ", witnessed by " + joinNames(s.Witnesses)
	}
	return text
}

func joinNames(signers []signerAt) string {
	var names []string
	for _, s := range signers {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}
