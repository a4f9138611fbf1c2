package attest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// Quorum is who has to attest the same. Attestations of anybody else count for
// nothing: whoever reaches the log can put his own there.
type Quorum struct {
	Members   []string // ids
	Majority  int      // how many of them
	Witnesses []string // names
	Required  int      // how many of them
}

// Newest puts together the newest checkpoint on which the quorum agrees. It
// fails with chain.NotFound while there is none.
func (q Quorum) Newest(info *chain.Info, attestations []chain.Attestation) (note []byte, c proof.Checkpoint, err error) {
	attestations = slices.DeleteFunc(slices.Clone(attestations), func(a chain.Attestation) bool { return !q.counts(a.Member) })
	for _, agreed := range Agreements(attestations) {
		members := 0
		for _, a := range agreed {
			if slices.Contains(q.Members, a.Member) {
				members++
			}
		}
		if members >= q.Majority && len(agreed)-members >= q.Required {
			return Note(info, agreed)
		}
	}
	return nil, c, fmt.Errorf("%w: no checkpoint of %s has the signatures it needs yet", chain.NotFound, info.Contract.Token)
}

func (q Quorum) counts(id string) bool {
	return slices.Contains(q.Members, id) ||
		slices.ContainsFunc(q.Witnesses, func(name string) bool { return chain.WitnessID(name) == id })
}

// Note puts together attestations of one size and root.
func Note(info *chain.Info, agreed []chain.Attestation) (note []byte, c proof.Checkpoint, err error) {
	c = proof.Checkpoint{Origin: proof.Origin(info.Contract.Token, info.ID), Size: agreed[0].Size, Root: agreed[0].Root}
	var lines []string
	for _, a := range agreed {
		lines = append(lines, a.Cosignature)
	}
	note, err = proof.AssembleNote(c.Body(), lines...)
	return note, c, err
}

// Agreements groups attestations by what they are of: the largest chain first, and
// of one size the group of the most.
func Agreements(attestations []chain.Attestation) (groups [][]chain.Attestation) {
	type what struct {
		size uint64
		root chain.Hash
	}
	byWhat := map[what][]chain.Attestation{}
	for _, a := range attestations {
		byWhat[what{a.Size, a.Root}] = append(byWhat[what{a.Size, a.Root}], a)
	}
	for _, agreed := range byWhat {
		slices.SortFunc(agreed, func(a, b chain.Attestation) int { return strings.Compare(a.Member, b.Member) })
		groups = append(groups, agreed)
	}
	slices.SortFunc(groups, func(a, b []chain.Attestation) int {
		return cmp.Or(cmp.Compare(b[0].Size, a[0].Size), cmp.Compare(len(b), len(a)), slices.Compare(b[0].Root[:], a[0].Root[:]))
	})
	return groups
}
