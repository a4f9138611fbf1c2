package attest_test

import (
	"bytes"
	"context"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/store"
)

// disk is a member's store, as good as the test wants it.
type disk struct {
	*store.Store
	m      *member
	cancel func()
}

// BlocksHashed: what spoils a block has put its hash right as well, or the store would find it.
func (d disk) BlocksHashed(token string, from, limit uint64, yield func(uint64, []byte, chain.Hash) error) error {
	d.m.dies("reading", d.cancel)
	return d.Store.BlocksHashed(token, from, limit, func(index uint64, canonical []byte, hash chain.Hash) error {
		if d.m.spoil != nil {
			canonical = d.m.spoil(index, bytes.Clone(canonical))
			hash = chain.HashBytes(canonical)
		}
		return yield(index, canonical, hash)
	})
}

func (d disk) Digest(token string, index uint64) (chain.Hash, error) {
	d.m.dies("reading", d.cancel)
	return d.Store.Digest(token, index)
}

// Quorum is that of the policy, or while there is none of all that vote.
func (d disk) Quorum(token string, size uint64) attest.Quorum { return d.m.quorum(token, size) }

func (m *member) quorum(token string, size uint64) attest.Quorum {
	p, err := m.store.Judge(token, size)
	if err != nil {
		return attest.Quorum{}
	}
	q := attest.Quorum{Members: m.store.Voters()}
	if p != nil {
		q.Members = nil
		for _, s := range p.Members {
			q.Members = append(q.Members, s.Member)
		}
	}
	q.Majority = proof.Majority(len(q.Members))
	return q
}

// Handovers are those of the store.
func (d disk) Handovers() (all []attest.Handover, more <-chan struct{}, err error) {
	policies, more := d.Policies()
	var chains []proof.Chain
	for _, info := range d.Contracts() {
		chains = append(chains, proof.Chain{Token: info.Contract.Token, ID: info.ID})
	}
	for number := 2; number <= len(policies); number++ {
		h, err := fsm.Handover(policies, number, chains)
		if err != nil {
			return nil, more, err
		}
		signers := store.Endorsers(policies, number)
		one := attest.Handover{Handover: h, Needed: proof.Majority(len(signers.Members))}
		for _, s := range signers.Members {
			one.Signers = append(one.Signers, s.Member)
		}
		for _, e := range policies[number-1].Endorsed {
			one.Endorsed = append(one.Endorsed, e.Member)
		}
		all = append(all, one)
	}
	return all, more, nil
}

// wire is a member's way to the log.
type wire struct {
	m      *member
	cancel func()
}

func (w wire) Attest(ctx context.Context, token string, a chain.Attestation) error {
	m := w.m
	if m.leaves != nil {
		m.leaves(token, a)
	}
	m.dies("signed", w.cancel) // on the disk, and not out of the door
	m.mu.Lock()
	m.tries++
	roots := m.rig.signatures[m.id][a.Size]
	if roots == nil {
		roots = map[chain.Hash]bool{}
		m.rig.signatures[m.id][a.Size] = roots
	}
	roots[a.Root] = true
	m.mu.Unlock()
	m.dies("lost", w.cancel)
	if err := ctx.Err(); err != nil {
		return err
	}
	err := m.requester().Attest(ctx, token, a)
	m.dies("logged", w.cancel)
	return err
}

// Endorse implements attest.Log.
func (w wire) Endorse(ctx context.Context, number int, member, cosignature string) error {
	return w.m.requester().Endorse(ctx, number, member, cosignature)
}
