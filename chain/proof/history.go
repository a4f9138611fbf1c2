package proof

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bpsc/bpsc/chain"
)

// History is the policies of a cluster, one after the other, from one that is
// trusted as it is. Each later one was signed for by a majority of the members
// of the one before, so nobody has to be trusted for them. Each judges the
// checkpoints of its own range of sizes and no others: a key that was removed
// signs nothing that counts afterwards. It never changes.
type History struct {
	first    *Policy
	steps    []step // what followed, in order
	recovery *step  // what would follow had its recovery been accepted
}

// step is a handover and the policy that it led to.
type step struct {
	note     []byte
	handover Handover
	signed   []Signer          // for a recovery, by the names of the new policy
	survived bool              // of a recovery: a member of the policy before signed it
	ends     map[string]uint64 // by origin: the last size that the policy before judges
	policy   *Policy
}

// NewHistory begins with a policy that is trusted as it is. Its chains and its
// witnesses hold for the later ones too.
func NewHistory(first *Policy) *History { return &History{first: first} }

// First is the policy that is trusted as it is.
func (h *History) First() *Policy { return h.first }

// Chains are those that the first policy names, which hold for all of them; none:
// any chain of these members.
func (h *History) Chains() []Chain { return h.first.Chains() }

// Newest is the policy that judges what is signed now.
func (h *History) Newest() *Policy {
	if len(h.steps) == 0 {
		return h.first
	}
	return h.steps[len(h.steps)-1].policy
}

// Number is that of the newest policy; 0 where there is one alone, which does
// not say which it is.
func (h *History) Number() int {
	if len(h.steps) == 0 {
		return 0
	}
	return h.steps[len(h.steps)-1].handover.Number
}

// Add returns h with the policy of one more signed handover. Errors wrap
// ErrHandoverOrder, ErrHandoverMinority, ErrHandover, ErrPolicy, ErrRecovery for
// a recovery, or one about the note.
func (h *History) Add(note []byte) (*History, error) {
	next, err := h.check(note)
	if err != nil {
		return nil, err
	}
	if next.handover.Recovery != nil {
		return nil, cmp.Or(next.unfounded(), next.refusal())
	}
	return h.with(next), nil
}

// Accept is Add for a recovery that whoever verifies has looked into:
// handover is Handover.Hash of it, from somebody who is trusted. No member of the
// policy before has to have signed it: keys are in no backup, so that after a restore
// there is none of them.
func (h *History) Accept(note []byte, handover chain.Hash) (*History, error) {
	next, err := h.check(note)
	switch {
	case err != nil:
		return nil, err
	case next.handover.Hash() != handover:
		return nil, next.refusal()
	}
	return h.with(next), nil
}

// Stop returns h as it is when a recovery comes next that nobody has accepted:
// For refuses what its policy would have to judge.
// It does not stop for one that no member of the policy before has signed.
func (h *History) Stop(note []byte) (*History, error) {
	next, err := h.check(note)
	switch {
	case err != nil:
		return nil, err
	case next.handover.Recovery == nil:
		return nil, fmt.Errorf("%w: policy %d is no recovery", ErrHandover, next.handover.Number)
	}
	if err := next.unfounded(); err != nil {
		return nil, err
	}
	return &History{first: h.first, steps: h.steps, recovery: next}, nil
}

// Stopped is the recovery that nobody has accepted, if one comes next.
func (h *History) Stopped() (Handover, bool) {
	if h.recovery == nil {
		return Handover{}, false
	}
	return h.recovery.handover, true
}

func (h *History) with(next *step) *History {
	return &History{first: h.first, steps: append(slices.Clip(h.steps), *next)}
}

// check verifies that a signed handover comes next.
func (h *History) check(note []byte) (*step, error) {
	said, n, err := parseHandoverNote(note)
	if err != nil {
		return nil, err
	}
	newest := h.Newest()
	if newest == nil || newest.majority < 1 {
		return nil, fmt.Errorf("%w: there is none", ErrPolicy)
	}
	next := &step{note: note, handover: said, ends: make(map[string]uint64, len(said.Ends))}
	for _, e := range said.Ends {
		next.ends[Origin(e.Token, e.ID)] = e.Size
	}
	if err := h.follows(next); err != nil {
		return nil, err
	}
	if next.policy, err = newest.WithMembers(said.Policy); err != nil {
		return nil, err
	}
	signers := newest
	if said.Recovery != nil {
		signers = next.policy
	}
	if next.signed, _, err = signers.count(&n); err != nil {
		return nil, err
	}
	if len(next.signed) < signers.majority {
		return nil, fmt.Errorf("%w: policy %d: %d of %d members signed, %d are needed", ErrHandoverMinority, said.Number, len(next.signed), signers.members, signers.majority)
	}
	if said.Recovery != nil {
		before, _, err := newest.count(&n)
		if err != nil {
			return nil, err
		}
		next.survived = len(before) > 0
	}
	return next, nil
}

// follows checks that a handover takes up where the history is.
func (h *History) follows(next *step) error {
	said, newest := &next.handover, h.Newest()
	switch {
	case len(h.steps) == MaxHandovers:
		return fmt.Errorf("%w: more than %d handovers", ErrTooLarge, MaxHandovers)
	case h.Number() != 0 && said.Number != h.Number()+1:
		return fmt.Errorf("%w: policy %d does not come after policy %d", ErrHandoverOrder, said.Number, h.Number())
	case said.Before != newest.Hash():
		return fmt.Errorf("%w: policy %d comes after the policy of hash %s, and the one that is known has %s", ErrHandoverOrder, said.Number, said.Before, newest.Hash())
	case said.Recovery != nil: // which may be of the same members, and have lost blocks
		return nil
	case said.Policy.Hash() == said.Before:
		return fmt.Errorf("%w: policy %d changes nothing", ErrHandover, said.Number)
	case len(h.steps) == 0:
		return nil
	}
	for _, before := range h.steps[len(h.steps)-1].handover.Ends {
		if size := next.ends[Origin(before.Token, before.ID)]; size < before.Size {
			return fmt.Errorf("%w: chain %s had %d blocks at the handover before, and has %d", ErrHandover, before.Token, before.Size, size)
		}
	}
	return nil
}

// WithMembers is p with other members, those of a Core: its witnesses and chains
// are not theirs to choose.
func (p *Policy) WithMembers(core *Policy) (*Policy, error) {
	return NewPolicy(core.Members(), core.majority, p.Witnesses(), p.quorum, p.chains...)
}

// unfounded is what is wrong with a recovery of which no member of the policy before
// knows: anybody could make up one, and stop whoever meets it.
func (s *step) unfounded() error {
	if s.survived {
		return nil
	}
	return fmt.Errorf("%w: policy %d: no member of the policy before signed that it went on; after a restore from a backup nobody can, and its operator knows the hash of the handover, %s",
		ErrHandoverMinority, s.handover.Number, s.handover.Hash())
}

// refusal says where a recovery happened and who did it.
func (s *step) refusal() error {
	r := s.handover.Recovery
	if r == nil {
		return fmt.Errorf("%w: policy %d is no recovery of that hash", ErrHandover, s.handover.Number)
	}
	return fmt.Errorf("%w: %s, policy %d: %s went on with %v of %v: %s; the handover has the hash %s", ErrRecovery, s.handover.Where(),
		s.handover.Number, bare(r.By), r.After, r.Before, bare(r.Reason), s.handover.Hash())
}

// Where names the ends of a handover in a sentence: "aka after block 12".
func (h Handover) Where() string {
	switch len(h.Ends) {
	case 0:
		return "before there was a chain"
	case 1:
		return fmt.Sprintf("%s after block %d", h.Ends[0].Token, h.Ends[0].Size)
	}
	return fmt.Sprintf("%s after block %d and %d other chains", h.Ends[0].Token, h.Ends[0].Size, len(h.Ends)-1)
}

// For is the policy that judges checkpoints of one size of a chain. The error
// is ErrRecovery where that is for somebody else to say first.
func (h *History) For(origin string, size uint64) (*Policy, error) {
	if h.recovery != nil && size > h.recovery.ends[origin] {
		return nil, h.recovery.refusal()
	}
	// The newest first: a recovery may have lost blocks that one before counted.
	for _, s := range slices.Backward(h.steps) {
		if size > s.ends[origin] {
			return s.policy, nil
		}
	}
	return h.first, nil
}

// Verify is Policy.Verify by the policy of the checkpoint's size. The error may
// be ErrRecovery as well.
func (h *History) Verify(note []byte, origin string) (Cosigned, error) {
	c, _, err := verify(h, note, origin)
	return c, err
}

// Stage is one policy of a history.
type Stage struct {
	Policy   *Policy
	Number   int       // 0: not known, the only one
	Handover *Handover // nil: the first, which is trusted as it is
	Note     []byte    // the signed handover
	Signed   []Signer  // who signed it; for a recovery, of the new members
}

// Stages are the policies in order.
func (h *History) Stages() []Stage {
	list := []Stage{{Policy: h.first}}
	if len(h.steps) > 0 {
		list[0].Number = h.steps[0].handover.Number - 1
	}
	for i := range h.steps {
		s := &h.steps[i]
		list = append(list, Stage{Policy: s.policy, Number: s.handover.Number, Handover: &s.handover, Note: s.note, Signed: slices.Clone(s.signed)})
	}
	return list
}
