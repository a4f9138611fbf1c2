package fsm

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/store"
)

// announce records what a member says of itself. Its key is the first it
// names: a key that could be replaced would let whoever reaches the log speak
// for a member.
func announce(tx *store.Tx, id string, m store.Member) answer {
	known := tx.Member(id)
	switch _, err := proof.ParseVerifierKey(m.Key); {
	case m.Key == "": // by a version that signed nothing
		m.Key = known.Key
	case err != nil:
		return refuse(err)
	case known == (store.Member{}) && tx.Members() >= MaxMembers:
		return refuse(fmt.Errorf("%w: at most %d", chain.MembersFull, MaxMembers))
	case known.Key != "" && m.Key != known.Key:
		return refuse(fmt.Errorf("%w: %s signs with %s", chain.MemberKeyFixed, id, known.Key))
	}
	tx.SetMember(id, m)
	return answer{}
}

// attest adds what a member says of a chain, if the member itself has signed
// it. Whether it is true is for those who read it: a majority has to say the
// same.
func attest(tx *store.Tx, token string, a chain.Attestation) answer {
	h := tx.Head(token)
	if h == nil {
		return refuse(fmt.Errorf("%w: %q", chain.ContractUnknown, token))
	}
	if a.Size < 1 || a.Size > h.Index {
		return refuse(fmt.Errorf("%w: %s has %d blocks, not %d", chain.AttestationWrong, token, h.Index, a.Size))
	}
	key, err := proof.ParseVerifierKey(tx.Member(a.Member).Key)
	if err != nil {
		return refuse(fmt.Errorf("%w: %s has announced no key", chain.AttestationWrong, a.Member))
	}
	body := proof.Checkpoint{Origin: proof.Origin(token, h.ID), Size: a.Size, Root: a.Root}.Body()
	if err := key.CheckLine(body, a.Cosignature); err != nil {
		return refuse(fmt.Errorf("%w: %w", chain.AttestationWrong, err))
	}
	for _, said := range h.Attested() {
		if said.Member == a.Member && said.Size == a.Size {
			return answer{} // one word for each size
		}
	}
	tx.Attest(h, keepAttested(h.Attested(), a))
	return answer{}
}

// keepAttested adds a word to those kept: the words on the newest sizes, which
// members are speaking on now, and those on a size before for which nothing newer
// makes up, so that there is always the newest checkpoint that as many members
// and as many witnesses have signed as a policy asks for, whatever it asks for.
func keepAttested(all []chain.Attestation, a chain.Attestation) []chain.Attestation {
	all = append(slices.Clone(all), a)
	slices.SortStableFunc(all, func(x, y chain.Attestation) int { return cmp.Compare(x.Size, y.Size) })
	var kept []chain.Attestation
	var newer []voices
	for sizes := 1; len(all) > 0; sizes++ { // the newest first
		first := len(all) - 1
		for first > 0 && all[first-1].Size == all[first].Size {
			first--
		}
		words := all[first:]
		all = all[:first]
		said := voicesOf(words)
		if sizes <= MaxRounds || slices.ContainsFunc(said, func(v voices) bool { return !slices.ContainsFunc(newer, v.within) }) {
			kept = append(slices.Clone(words), kept...)
		}
		newer = append(newer, said...)
	}
	return kept
}

// voices is how many members and witnesses say the same.
type voices struct{ members, witnesses int }

// within tells whether others are as many, of both.
func (v voices) within(others voices) bool {
	return v.members <= others.members && v.witnesses <= others.witnesses
}

// voicesOf counts who says the same among words on one size.
func voicesOf(words []chain.Attestation) (all []voices) {
	var roots []chain.Hash
	for _, w := range words {
		i := slices.Index(roots, w.Root)
		if i < 0 {
			i = len(roots)
			roots, all = append(roots, w.Root), append(all, voices{})
		}
		if w.ByWitness() {
			all[i].witnesses++
		} else {
			all[i].members++
		}
	}
	return all
}
