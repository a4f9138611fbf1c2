package fsm

import (
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

// keepAttested adds a word to those kept: the words on the size that most
// members have spoken on, so that there is always a checkpoint to serve, and
// on the newest sizes, which members are speaking on now.
func keepAttested(all []chain.Attestation, a chain.Attestation) []chain.Attestation {
	all = append(slices.Clone(all), a)
	slices.SortStableFunc(all, func(x, y chain.Attestation) int {
		if x.Size != y.Size {
			return int(int64(x.Size) - int64(y.Size))
		}
		return 0
	})
	voices := map[uint64]int{}
	var sizes []uint64 // ascending
	for _, x := range all {
		if voices[x.Size]++; voices[x.Size] == 1 {
			sizes = append(sizes, x.Size)
		}
	}
	most := sizes[0]
	for _, size := range sizes {
		if voices[size] >= voices[most] {
			most = size
		}
	}
	oldest := sizes[max(0, len(sizes)-MaxRounds)]
	return slices.DeleteFunc(all, func(x chain.Attestation) bool { return x.Size < oldest && x.Size != most })
}
