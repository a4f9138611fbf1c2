package attest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// Quorum is who has to say the same. Words of anybody else are nothing: whoever
// reaches the log can put his own there.
type Quorum struct {
	Members   []string // ids
	Majority  int      // how many of them
	Witnesses []string // names
	Required  int      // how many of them
}

// Newest puts together the newest checkpoint on which the quorum agrees. It
// fails with chain.NotFound while there is none.
func (q Quorum) Newest(info *chain.Info, said []chain.Attestation) (note []byte, c proof.Checkpoint, err error) {
	said = slices.DeleteFunc(slices.Clone(said), func(a chain.Attestation) bool { return !q.counts(a.Member) })
	for _, words := range Agreements(said) {
		members := 0
		for _, w := range words {
			if slices.Contains(q.Members, w.Member) {
				members++
			}
		}
		if members >= q.Majority && len(words)-members >= q.Required {
			return Note(info, words)
		}
	}
	return nil, c, fmt.Errorf("%w: no checkpoint of %s has the signatures it needs yet", chain.NotFound, info.Contract.Token)
}

func (q Quorum) counts(id string) bool {
	return slices.Contains(q.Members, id) ||
		slices.ContainsFunc(q.Witnesses, func(name string) bool { return chain.WitnessID(name) == id })
}

// Note puts together what several say of one size and root.
func Note(info *chain.Info, words []chain.Attestation) (note []byte, c proof.Checkpoint, err error) {
	c = proof.Checkpoint{Origin: proof.Origin(info.Contract.Token, info.ID), Size: words[0].Size, Root: words[0].Root}
	var lines []string
	for _, w := range words {
		lines = append(lines, w.Cosignature)
	}
	note, err = proof.AssembleNote(c.Body(), lines...)
	return note, c, err
}

// Agreements groups words by what they say: the largest chain first, and of one
// size the words of the most.
func Agreements(said []chain.Attestation) (groups [][]chain.Attestation) {
	type what struct {
		size uint64
		root chain.Hash
	}
	byWhat := map[what][]chain.Attestation{}
	for _, a := range said {
		byWhat[what{a.Size, a.Root}] = append(byWhat[what{a.Size, a.Root}], a)
	}
	for _, words := range byWhat {
		slices.SortFunc(words, func(a, b chain.Attestation) int { return strings.Compare(a.Member, b.Member) })
		groups = append(groups, words)
	}
	slices.SortFunc(groups, func(a, b []chain.Attestation) int {
		return cmp.Or(cmp.Compare(b[0].Size, a[0].Size), cmp.Compare(len(b), len(a)), slices.Compare(b[0].Root[:], a[0].Root[:]))
	})
	return groups
}
