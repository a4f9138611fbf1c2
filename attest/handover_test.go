package attest_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/bubble"
)

const joined = "n3~0123456789abcdef0123456789abcdef"

// join adds a member that verifies and does not vote, with its key in the log.
func (r *rig) join(id string, voters ...string) *member {
	m := r.add(id)
	r.configure(voters, id)
	require.NoError(r.t, r.requester().Announce(context.Background(), command.Announce{Member: id, URL: "http://" + id, Key: m.key().String()}))
	m.start()
	return m
}

func (r *rig) endorsed() error { return r.members[0].store.Endorsed() }

// A member is replaced: the members before sign the handover by themselves, and from then
// on checkpoints are those of the new ones.
func TestCheckpointsGoOnWhileAMemberIsReplaced(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		old := r.members[2]
		fresh := r.join(joined, "n1", "n2", "n3")
		r.block("1")
		bubble.Pass(time.Second)
		require.Equal(t, uint64(2), fresh.covered(), "it knows whose signatures count")
		require.False(t, fresh.signed(2), "it has no vote")

		r.configure([]string{"n1", "n2", "n3", joined}) // both: nothing is settled
		r.block("2")
		bubble.Pass(time.Second)
		require.True(t, old.signed(3))
		require.False(t, fresh.signed(3))
		require.Equal(t, uint64(3), fresh.covered())

		r.configure([]string{"n1", "n2", joined})
		bubble.Pass(time.Second)
		require.NoError(t, r.endorsed())
		r.block("3")
		bubble.Pass(time.Second)
		require.True(t, fresh.signed(4))
		require.False(t, old.signed(4), "it was removed")
		require.Equal(t, uint64(4), fresh.covered())
		for _, m := range []*member{r.members[0], r.members[1], fresh} {
			require.NoError(t, m.attester.Ready())
			require.NoError(t, m.fatal())
		}
		r.one()
	})
}

// Who leads may not be of the policy yet. The others do not wait for ever.
func TestALeaderWithoutAVoteHoldsUpNobody(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		r.join(joined, "n1", "n2", "n3")
		r.configure([]string{"n1", "n2", "n3", joined})
		r.lead(3)
		r.block("1")
		bubble.Pass(5 * time.Second)
		require.False(t, r.members[0].signed(2), "it may still come")
		bubble.Pass(10 * time.Second)
		require.Equal(t, uint64(2), r.members[0].covered())
		r.one()
	})
}

// Two become one: the one that goes signs first that it does.
func TestTheLastButOneSignsThatItGoes(t *testing.T) {
	withRig(t, 2, openContract, func(r *rig) {
		r.startAll()
		r.configure([]string{"n1"}, "n2")
		bubble.Pass(time.Second)
		require.NoError(t, r.endorsed())
		r.configure([]string{"n1"})
		r.block("1")
		bubble.Pass(time.Second)
		require.Equal(t, uint64(2), r.members[0].covered())
	})
}

func TestARemovedMemberSignsNoHandover(t *testing.T) {
	withRig(t, 2, openContract, func(r *rig) {
		r.configure([]string{"n1"})
		r.startAll()
		bubble.Pass(time.Minute)
		require.ErrorIs(t, r.endorsed(), chain.NotFound, "one of two is no majority, and the other was removed")
	})
}

// A member signs what it could not sign when it was made: it was down, and members changed
// twice.
func TestHandoversFromLongAgoAreSigned(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.configure([]string{"n1", "n2"}, "n3")
		r.configure([]string{"n1", "n2", "n3"})
		require.Error(t, r.endorsed())
		r.startAll()
		require.NoError(t, r.endorsed())
		r.block("1")
		bubble.Pass(time.Second)
		require.Equal(t, uint64(2), r.members[2].covered())
	})
}

// No two handovers of one number: not after the state was made anew by another log.
func TestASecondHandoverOfOneNumberIsNotSigned(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		r.lead(-1) // what it signs does not get far
		r.configure([]string{"n1", "n2"}, "n3")
		bubble.Pass(time.Second)
		m := r.members[0]
		journal := filepath.Join(m.folder(), "attest", "handovers.sealed")
		_, err := os.Stat(journal)
		require.NoError(t, err, "it has signed")
		for _, m := range r.members {
			m.stop()
		}
		r.log = r.log[:len(r.log)-1]
		for _, m := range r.members {
			m.rebuild()
		}
		r.lead(0)
		r.configure([]string{"n1", "n3"}, "n2")
		r.startAll()
		bubble.Pass(time.Minute)
		require.ErrorContains(t, m.attester.Ready(), "another handover of that number")
		require.Error(t, r.endorsed())

		require.NoError(t, os.WriteFile(journal, []byte("noise"), 0o600))
		m.stop()
		m.start()
		bubble.Pass(time.Second)
		require.Error(t, r.endorsed(), "what it has signed cannot be read")
		require.ErrorIs(t, m.fatal(), attest.ErrForgot)
	})
}
