package attest_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/bubble"
	"github.com/bpsc/bpsc/store"
	"github.com/bpsc/bpsc/store/blocks"
)

// restoreFrom replaces a member's state by a snapshot that another one takes of its own,
// as the leader sends one to a member that is too far behind.
func (m *member) restoreFrom(other *member) {
	dir := filepath.Join(m.t.(*testing.T).TempDir(), "snapshot")
	m.mu.Lock()
	defer m.mu.Unlock()
	require.NoError(m.t, other.store.Snapshot(context.Background(), dir))
	require.NoError(m.t, m.store.Restore(dir))
}

// pauper is somebody with a key and no tokens.
func pauper() *purse {
	seed := chain.DeriveID([]byte("pauper"))
	p := &purse{key: ed25519.NewKeyFromSeed(seed[:])}
	p.address = p.public().Address()
	return p
}

// Whoever leads takes part in a lie: it gives somebody tokens that he does not have, and
// sends its state to a member that was away. He spends them, and signs that himself, so
// that each block verifies by itself. The two would be a majority.
func TestTheSnapshotOfADishonestLeaderIsNotSigned(t *testing.T) {
	steal := func(t *testing.T, r *rig, thief *purse) { require.Empty(t, thief.transfer(r, nil).Refused) }
	for _, c := range []struct {
		name          string
		before, after func(t *testing.T, r *rig, thief *purse) // the snapshot
		why           string
	}{
		{"an overdraft in a block before it", func(t *testing.T, r *rig, thief *purse) { steal(t, r, thief); r.block("") },
			func(*testing.T, *rig, *purse) {}, "block 2, record 0: insufficient_funds"},
		{"an overdraft that waits for a block", steal,
			func(_ *testing.T, r *rig, _ *purse) { r.block("") }, "pending record 0: insufficient_funds"},
		{"a balance for an overdraft after it", func(*testing.T, *rig, *purse) {},
			func(t *testing.T, r *rig, thief *purse) { steal(t, r, thief); r.block("") }, "has 5000 units after 0 records, the records come to 0 units"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withRig(t, 3, newPurse().contract(), func(r *rig) {
				liar, restored, thief := r.members[0], r.members[1], pauper()
				r.members[2].closeStore(true) // the honest one is cut off from the log
				liar.alter(thief.address, 5_000)
				c.before(t, r, thief)
				restored.restoreFrom(liar)
				restored.start()
				bubble.Pass(time.Second)
				c.after(t, r, thief)
				liar.start() // which signs whatever it has
				bubble.Pass(time.Minute)
				require.True(t, liar.signed(2))
				for range 2 { // a restart forgets nothing
					require.Equal(t, uint64(2), restored.length())
					require.ErrorIs(t, restored.attester.Ready(), chain.ErrInvalid)
					require.ErrorContains(t, restored.attester.Ready(), c.why)
					require.Empty(t, r.signatures[restored.id], "it has signed nothing")
					require.Zero(t, restored.covered())
					require.NoError(t, restored.fatal())
					restored.stop()
					c.why = ""
					restored.start()
					bubble.Pass(time.Minute)
				}
			})
		})
	}
}

// What the snapshot of an honest leader brings is audited once, and then signed.
func TestASnapshotIsAuditedOnceAndThenSigned(t *testing.T) {
	p := newPurse()
	withRig(t, 3, p.contract(), func(r *rig) {
		m := r.members[1]
		for range 5 {
			require.Empty(t, p.transfer(r, nil).Refused)
			r.block("")
		}
		require.Empty(t, p.transfer(r, nil).Refused) // pending
		m.restoreFrom(r.members[0])
		r.startAll()
		bubble.Pass(time.Minute)
		require.NoError(t, m.attester.Ready())
		require.True(t, m.signed(6))
		require.NoDirExists(t, m.auditFolder())
		require.EqualValues(t, 1, m.audits.Load())
		require.Zero(t, r.members[0].audits.Load())

		m.stop()
		m.restart()
		m.start()
		r.block("")
		bubble.Pass(time.Minute)
		require.True(t, m.signed(7))
		require.EqualValues(t, 1, m.audits.Load(), "what was audited is so after a restart")

		m.restoreFrom(r.members[0]) // while it runs
		require.ErrorContains(t, m.attester.Ready(), "came from a snapshot", "from the first moment on")
		r.block("")
		bubble.Pass(time.Minute)
		require.True(t, m.signed(8))
		require.EqualValues(t, 2, m.audits.Load(), "another snapshot is another state")
	})
}

// Nothing is signed while the audit goes on, Ready tells how far it is, and one that is cut
// short goes on from the blocks that it has.
func TestAnAuditTellsHowFarItIsAndGoesOn(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		m := r.members[1]
		for i := range 1200 {
			r.block(fmt.Sprint(i % 3))
		}
		m.restoreFrom(r.members[0])
		m.told = func(ctx context.Context, blocks uint64) {
			if blocks >= 512 {
				<-ctx.Done()
			}
		}
		m.start()
		bubble.Pass(time.Minute)
		require.EqualError(t, m.attester.Ready(), "this member signs nothing yet: its state came from a snapshot, and of 1201 blocks of aka 512 are audited")
		require.Zero(t, m.tries)
		m.stop()
		var seen []uint64
		m.told = func(_ context.Context, blocks uint64) { seen = append(seen, blocks) }
		m.start()
		r.members[0].start()
		bubble.Pass(time.Minute)
		require.NoError(t, m.attester.Ready())
		require.True(t, m.signed(1201))
		require.GreaterOrEqual(t, seen[0], uint64(512))
	})
}

// The audit is of the state and not of its first sight: what was begun of another chain is
// made anew.
func TestAnAuditOfAnotherChainIsNotGoneOnWith(t *testing.T) {
	withRig(t, 2, openContract, func(r *rig) {
		m := r.members[1]
		r.block("x")
		other, err := store.Open(store.Config{Dir: filepath.Join(m.auditFolder(), "made")})
		require.NoError(t, err)
		c, err := chain.DecodeContract([]byte(openContract))
		require.NoError(t, err)
		require.NoError(t, other.Update(1, func(tx *store.Tx) error {
			h := tx.CreateChain(c)
			h.Index, h.Hash = 1, chain.Hash{1}
			tx.AddBlock(h, chain.Hash{2}, &blocks.Block{Canonical: []byte("{}"), Hash: chain.Hash{1}})
			return nil
		}))
		require.NoError(t, other.Abandon())
		m.restoreFrom(r.members[0])
		r.startAll()
		require.NoError(t, m.attester.Ready())
		require.True(t, m.signed(2))
	})
}

// A handover is signed by what the state says of its chains, so not before it was audited.
func TestNoHandoverIsSignedByWhatIsNotAudited(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		m := r.members[1]
		m.restoreFrom(r.members[0])
		m.told = func(ctx context.Context, _ uint64) { <-ctx.Done() }
		fresh := r.add(joined)
		r.configure([]string{"n1", "n2", "n3"}, joined)
		require.NoError(t, r.requester().Announce(t.Context(), command.Announce{Member: joined, URL: "http://" + joined, Key: fresh.key().String()}))
		r.configure([]string{"n1", "n2", joined}) // two of the three before have to sign that
		r.members[0].start()
		m.start()
		bubble.Pass(time.Minute)
		policies, _ := m.store.Policies()
		require.Len(t, policies, 2)
		require.Len(t, policies[1].Endorsed, 1)
		require.NoFileExists(t, filepath.Join(m.folder(), "attest", "handovers.sealed"))

		m.stop()
		m.told = nil
		m.start()
		bubble.Pass(time.Minute)
		policies, _ = m.store.Policies()
		require.Len(t, policies[1].Endorsed, 2)
	})
}
