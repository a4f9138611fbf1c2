package fsm

import (
	"slices"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/store"
)

// renewPolicy begins the next policy where the members that vote are others than those
// of the newest one, and all that a policy says of them is known. Until then the newest
// one stays: while a member is being replaced both have the same id, and one that votes
// without a key could not be counted. After a recovery there is another one in any case:
// whoever verifies has to look.
func renewPolicy(tx *store.Tx) {
	members, settled := signers(tx)
	all, recovery := tx.Policies(), tx.OpenRecovery()
	if !settled || recovery == nil && len(all) > 0 && slices.Equal(all[len(all)-1].Members, members) {
		return
	}
	next := &store.Policy{Number: len(all) + 1, Members: members}
	if recovery != nil {
		tx.SetRecovery(recovery, false)
	}
	if next.Number > 1 { // the first judges all that there has been
		next.Index, next.Recovery = tx.Index(), recovery
		for _, h := range tx.Heads() {
			next.Ends = append(next.Ends, h.Index)
			foldPolicy(tx, h, next)
		}
	}
	tx.SetPolicy(next)
}

// signers are the members that vote, if a policy can be made of them.
func signers(tx *store.Tx) (members []store.Signer, settled bool) {
	for _, id := range tx.Voters() {
		members = append(members, store.Signer{Member: id, Key: tx.Member(id).Key})
	}
	_, err := policyOf(members)
	return members, err == nil
}

// policyOf is a policy as whoever verifies knows it. It fails where an id or a key is there
// twice, where a key is missing, and where the members are more than a policy may have.
func policyOf(members []store.Signer) (*proof.Policy, error) {
	cosigners := make([]proof.Cosigner, len(members))
	for i, m := range members {
		key, err := proof.ParseVerifierKey(m.Key)
		if err != nil {
			return nil, err
		}
		cosigners[i] = proof.Cosigner{Name: identity.Identity(m.Member).ID(), Key: key}
	}
	return proof.NewPolicy(cosigners, proof.Majority(len(cosigners)), nil, 0)
}
