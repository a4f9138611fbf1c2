package attest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// Quorum is who has to attest the same of a chain of some size. Attestations of anybody
// else count for nothing: whoever reaches the log can put his own there.
type Quorum struct {
	Members   []string // identities
	Majority  int      // how many of them
	Witnesses []string // names
	Required  int      // how many of them
}

// ofMembers is q without its witnesses.
func (q Quorum) ofMembers() Quorum { return Quorum{Members: q.Members, Majority: q.Majority} }

// has tells whether a member is one of them.
func (q Quorum) has(member string) bool { return slices.Contains(q.Members, member) }

// Newest puts together the newest checkpoint that has the signatures it needs, which
// quorum tells by the size of the chain. It fails with chain.NotFound while there is
// none.
func Newest(quorum func(size uint64) Quorum, info *chain.Info, attestations []chain.Attestation) (note []byte, c proof.Checkpoint, err error) {
	for _, agreed := range Agreements(attestations) {
		q := quorum(agreed[0].Size)
		agreed = slices.DeleteFunc(agreed, func(a chain.Attestation) bool { return !q.counts(a.Member) })
		members := 0
		for _, a := range agreed {
			if q.has(a.Member) {
				members++
			}
		}
		if members > 0 && members >= q.Majority && len(agreed)-members >= q.Required {
			return Note(info, agreed)
		}
	}
	return nil, c, fmt.Errorf("%w: no checkpoint of %s has the signatures it needs yet", chain.NotFound, info.Contract.Token)
}

func (q Quorum) counts(id string) bool {
	return q.has(id) || slices.ContainsFunc(q.Witnesses, func(name string) bool { return chain.WitnessID(name) == id })
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
