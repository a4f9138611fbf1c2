package attest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/admitted"
	"github.com/bpsc/bpsc/internal/bubble"
	"github.com/bpsc/bpsc/store"
)

// A signature that a member has verified when it took it is not verified again, and one
// that only another member has is. After a restart nothing is known.
func TestASignatureIsVerifiedOnceOnEachMember(t *testing.T) {
	p := newPurse()
	withRig(t, 3, p.contract(), func(r *rig) {
		for _, m := range r.members {
			m.admitted = admitted.New()
		}
		p.transfer(r, func(t *chain.Transaction) {
			t.Auth.Signature[7] ^= 1
			// Whoever verified it would say no. This one says that he has, and yes.
			r.members[1].admitted.Add([]admitted.Signature{{Message: t.ID, Key: t.Auth.PublicKey, Signature: t.Auth.Signature}})
		})
		r.block("")
		r.startAll()
		bubble.Pass(time.Minute)
		require.NoError(t, r.members[1].attester.Ready())
		for _, i := range []int{0, 2} {
			require.ErrorContains(t, r.members[i].attester.Ready(), "record 0: the signature is not good")
		}
	})
}

// A member may say that a signature is good that it has verified over something else, or
// of another key: it is another signature.
func TestWhatWasAdmittedIsTheWholeSignature(t *testing.T) {
	p := newPurse()
	withRig(t, 1, p.contract(), func(r *rig) {
		m := r.members[0]
		m.admitted = admitted.New()
		p.transfer(r, func(t *chain.Transaction) {
			m.admitted.Add([]admitted.Signature{{Message: t.ID, Key: t.Auth.PublicKey, Signature: t.Auth.Signature}})
			t.Auth.Signature[7] ^= 1
		})
		r.block("")
		r.startAll()
		require.ErrorContains(t, m.attester.Ready(), "record 0: the signature is not good")
	})
}

// Good and bad signatures of many blocks are verified together; the first block that has
// a bad one is named, and those before it are signed.
func TestBatchesAreAcrossBlocks(t *testing.T) {
	p := newPurse()
	withRig(t, 3, p.contract(), func(r *rig) {
		for i := range 40 {
			p.transfer(r, func(t *chain.Transaction) {
				if i == 17 || i == 30 {
					t.Auth.Signature[9] ^= 1
				}
			})
			r.block("")
		}
		r.startAll()
		bubble.Pass(time.Minute)
		for _, m := range r.members {
			require.ErrorContains(t, m.attester.Ready(), "block 19: does_not_verify: record 0: the signature is not good")
		}
	})
}

// invent puts a record among those that wait, as a fault in a state that lies on the
// disk would: its fee is wrong.
func (m *member) invent() {
	m.mu.Lock()
	defer m.mu.Unlock()
	require.NoError(m.t, m.store.Update(m.store.AppliedIndex()+1, func(tx *store.Tx) error {
		h := tx.Head(token)
		r, err := chain.NewTransfer(&h.Contract, &chain.Transaction{ID: chain.DeriveID([]byte("invented")), Sender: "a", Recipient: "b", Amount: 1_000_000})
		if err != nil {
			return err
		}
		r.AmountBPSC, r.AmountReceive = 0, r.AmountSend
		h.Pending.Add(chain.AppendRecord(nil, &r, h.Contract.Decimals))
		h.Records++
		return nil
	}))
}

// What this process has decided itself is not decided again; whatever comes from the
// disk, of an earlier process or an older version, is checked in full, the block as well
// as the records for the next one.
func TestOnlyWhatThisProcessDecidedIsItsOwn(t *testing.T) {
	for _, c := range []struct {
		name            string
		before, between func(m *member) // a block is produced between them
		good            bool
	}{
		{name: "all in one process", good: true},
		{name: "a restart before the block", before: (*member).restart},
		{name: "a restart after the block", between: (*member).restart},
	} {
		t.Run(c.name, func(t *testing.T) {
			withRig(t, 1, openContract, func(r *rig) {
				m := r.members[0]
				m.invent()
				if c.before != nil {
					c.before(m)
				}
				r.block("")
				if c.between != nil {
					c.between(m)
				}
				r.block("after")
				r.startAll()
				if c.good {
					require.NoError(t, m.attester.Ready())
					require.True(t, m.signed(3))
					return
				}
				require.ErrorContains(t, m.attester.Ready(), "block 2: record 0: does_not_verify: fee or rest is not what the contract says")
				require.False(t, m.signed(2) || m.signed(3))
			})
		})
	}
}

// restart closes the store in order and opens it again.
func (m *member) restart() {
	m.closeStore(false)
	m.openStore()
}

// Memos that end as records do keep no block from its checkpoint.
func TestMisleadingMemosAreAttested(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		for i, memo := range []string{"}, {", `"}, {"`, `x}, {"amount`} {
			r.block(memo)
			bubble.Pass(time.Second)
			for _, m := range r.members {
				require.NoError(t, m.attester.Ready())
				require.EqualValues(t, i+2, m.covered())
			}
		}
	})
}
