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

// Handover is the statement that makes the policy with a number, from 2, known to whoever
// knows the one before. chains are all chains of the store, by their numbers, or more.
func Handover(policies []*store.Policy, number int, chains []proof.Chain) (proof.Handover, error) {
	if number < 2 || number > len(policies) {
		return proof.Handover{}, fmt.Errorf("%w: there is no handover to policy %d", chain.NotFound, number)
	}
	to := policies[number-1]
	before, err := PolicyOf(policies[number-2])
	if err != nil {
		return proof.Handover{}, err
	}
	after, err := PolicyOf(to)
	if err != nil {
		return proof.Handover{}, err
	}
	h := proof.Handover{Number: number, Before: before.Hash(), Policy: after.Core()}
	for i, size := range to.Ends {
		h.Ends = append(h.Ends, proof.End{Token: chains[i].Token, ID: chains[i].ID, Size: size})
	}
	slices.SortFunc(h.Ends, func(a, b proof.End) int { return cmp.Compare(a.Token, b.Token) })
	if r := to.Recovery; r != nil {
		h.Recovery = &proof.Recovery{By: r.By, Reason: r.Reason, Before: r.Before, After: r.After}
	}
	return h, nil
}

// PolicyOf is a policy as whoever verifies knows it: the members by their ids.
func PolicyOf(p *store.Policy) (*proof.Policy, error) { return policyOf(p.Members) }

// endorse adds a member's signature of a handover, or refuses to. Whoever has been
// removed since may still sign that which removed it: without, two members could not
// become one.
func endorse(tx *store.Tx, q *command.Endorse) (refusal error) {
	all := tx.Policies()
	if q.Number < 2 || q.Number > uint64(len(all)) {
		return fmt.Errorf("%w: there is no policy %d that comes after another", chain.EndorsementWrong, q.Number)
	}
	number := int(q.Number)
	key, err := proof.ParseVerifierKey(store.Endorsers(all, number).Key(q.Member))
	if err != nil {
		return fmt.Errorf("%w: %s is none of those who sign the handover to policy %d", chain.EndorsementWrong, q.Member, number)
	}
	h, err := Handover(all, number, chainsOf(tx))
	if err != nil {
		return err
	}
	if err := key.CheckLine(h.Body(), q.Cosignature); err != nil {
		return fmt.Errorf("%w: %w", chain.EndorsementWrong, err)
	}
	to := *all[number-1]
	if slices.ContainsFunc(to.Endorsed, func(e store.Endorsement) bool { return e.Member == q.Member }) {
		return nil // one of each
	}
	to.Endorsed = append(slices.Clone(to.Endorsed), store.Endorsement{Member: q.Member, Cosignature: q.Cosignature})
	tx.SetPolicy(&to)
	return nil
}

// chainsOf are all chains by their numbers.
func chainsOf(tx *store.Tx) []proof.Chain {
	heads := tx.Heads()
	chains := make([]proof.Chain, len(heads))
	for i, h := range heads {
		chains[i] = proof.Chain{Token: h.Contract.Token, ID: h.ID}
	}
	return chains
}
