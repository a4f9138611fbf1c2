package fsm

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// announce records what a member says of itself, or refuses to. Its key is the
// first it names: a key that could be replaced would let whoever reaches the log
// sign for a member. Where a configuration is known, it has to be in it, or a witness.
func announce(tx *store.Tx, q *command.Announce) (refusal error) {
	id, key := q.Member, q.Key
	m := tx.Member(id)
	switch _, err := proof.ParseVerifierKey(key); {
	case tx.Configured() > 0 && !chain.IsWitness(id) && (m.Since == 0 || m.Removed):
		return fmt.Errorf("%w: %s", chain.MemberNotConfigured, id)
	case key == "": // by a version that signed nothing
	case err != nil:
		return err
	case m.Key == "" && announced(tx) >= MaxMembers:
		return fmt.Errorf("%w: at most %d", chain.MembersFull, MaxMembers)
	case m.Key != "" && m.Key != key:
		return fmt.Errorf("%w: %s signs with %s", chain.MemberKeyFixed, id, m.Key)
	case m.Key == "" && keyTaken(tx, key):
		return fmt.Errorf("%w: another member signs with %s, or did until it was removed", chain.MemberKeyFixed, key)
	default:
		m.Key = key
	}
	m.URL, m.Level = q.URL, q.Level
	tx.SetMember(id, m)
	renewPolicy(tx)
	return nil
}

// keyTaken tells whether somebody has announced a key, ever: that of a member that was
// removed must not count again under another identity.
func keyTaken(tx *store.Tx, key string) bool {
	return slices.ContainsFunc(tx.MemberIDs(), func(id string) bool { return tx.Member(id).Key == key })
}

// announced is how many members and witnesses have said with which keys they sign, but
// for those that do so no more.
func announced(tx *store.Tx) (n int) {
	for _, id := range tx.MemberIDs() {
		if m := tx.Member(id); m.Key != "" && !m.Removed {
			n++
		}
	}
	return n
}

// attest adds an attestation of a chain, if the member or witness itself has signed
// it, or refuses to. Whether it is true is for those who read it: a majority has to
// attest the same.
func attest(tx *store.Tx, token string, a chain.Attestation) (refusal error) {
	h := tx.Head(token)
	switch {
	case h == nil:
		return unknownContract(token)
	case a.Size < 1 || a.Size > h.Index:
		return fmt.Errorf("%w: %s has %d blocks, not %d", chain.AttestationWrong, token, h.Index, a.Size)
	}
	if err := mayAttest(tx, h, a); err != nil {
		return err
	}
	key, err := proof.ParseVerifierKey(tx.Member(a.Member).Key)
	if err != nil {
		return fmt.Errorf("%w: %s has announced no key", chain.AttestationWrong, a.Member)
	}
	body := proof.Checkpoint{Origin: proof.Origin(token, h.ID), Size: a.Size, Root: a.Root}.Body()
	if err := key.CheckLine(body, a.Cosignature); err != nil {
		return fmt.Errorf("%w: %w", chain.AttestationWrong, err)
	}
	for _, known := range h.Attested() {
		if known.Member == a.Member && known.Size == a.Size {
			return nil // one attestation for each size
		}
	}
	tx.Attest(h, keepAttested(tx, h, a))
	return nil
}

// mayAttest refuses the attestation of who has no vote on a chain of that size: a removed
// member's key signs nothing any more, and others' count only where they are of the
// policy.
func mayAttest(tx *store.Tx, h *store.Head, a chain.Attestation) error {
	if a.ByWitness() {
		return nil
	}
	m, p := tx.Member(a.Member), tx.Judge(h, a.Size)
	switch {
	case m.Removed:
		return fmt.Errorf("%w: %s was removed", chain.AttestationWrong, a.Member)
	case p != nil && !p.Names(a.Member):
		return fmt.Errorf("%w: policy %d judges %d blocks of %s, and %s is not of it",
			chain.AttestationWrong, p.Number, a.Size, h.Contract.Token, a.Member)
	case p == nil && tx.Configured() > 0 && !m.Voter:
		return fmt.Errorf("%w: %s does not vote", chain.AttestationWrong, a.Member)
	}
	return nil
}

// keepAttested adds an attestation to those kept: those of the newest sizes, which
// are still coming in, and those of a size before for which nothing newer makes up,
// so that there is always the newest checkpoint that as many members and as many
// witnesses have signed as a policy asks for, however many witnesses that are.
func keepAttested(tx *store.Tx, h *store.Head, a chain.Attestation) []chain.Attestation {
	all := append(slices.Clone(h.Attested()), a)
	slices.SortStableFunc(all, func(x, y chain.Attestation) int { return cmp.Compare(x.Size, y.Size) })
	var kept []chain.Attestation
	var newer []votes
	for sizes := 1; len(all) > 0; sizes++ { // the newest first
		first := len(all) - 1
		for first > 0 && all[first-1].Size == all[first].Size {
			first--
		}
		size := all[first:]
		all = all[:first]
		counted := countVotes(size, tx.Judge(h, size[0].Size))
		if sizes <= MaxRounds || slices.ContainsFunc(counted, func(v votes) bool { return !slices.ContainsFunc(newer, v.within) }) {
			kept = append(slices.Clone(size), kept...)
		}
		newer = append(newer, counted...)
	}
	return kept
}

// votes is how many members and witnesses attest the same.
type votes struct {
	policy             int // the number of that which judges it; 0: none yet
	members, witnesses int
	majority           bool // the members are one, of that policy
}

// within tells whether others make up for it: they are as many, of both. Members of
// different policies are not counted against each other; a majority of a later one is
// good for any of an earlier one.
func (v votes) within(others votes) bool {
	if v.witnesses > others.witnesses {
		return false
	}
	if v.policy == others.policy {
		return v.members <= others.members
	}
	return others.majority
}

// countVotes counts who attests the same root, among attestations of one size.
func countVotes(attestations []chain.Attestation, judge *store.Policy) (all []votes) {
	of := votes{}
	if judge != nil {
		of.policy = judge.Number
	}
	var roots []chain.Hash
	for _, a := range attestations {
		i := slices.Index(roots, a.Root)
		if i < 0 {
			i = len(roots)
			roots, all = append(roots, a.Root), append(all, of)
		}
		switch v := &all[i]; {
		case a.ByWitness():
			v.witnesses++
		case judge == nil:
			v.members++
		case judge.Names(a.Member):
			v.members++
			v.majority = v.members >= proof.Majority(len(judge.Members))
		}
	}
	return all
}
