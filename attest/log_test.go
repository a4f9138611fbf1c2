package attest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/bubble"
)

// A member speaks for the log where its own has the root, and not because a majority
// says so.
func TestAMemberSignsAsTheLogWhatIsItsOwn(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		for i := range 3 {
			r.block(fmt.Sprint(i))
		}
		bubble.Pass(time.Second)
		m := r.members[2]
		info, err := m.store.Contract(token)
		require.NoError(t, err)
		said, _, err := m.store.Attestations(token)
		require.NoError(t, err)
		note, c, err := attest.Newest(func(uint64) attest.Quorum { return attest.Quorum{Members: r.ids(), Majority: 2} }, &info, said)
		require.NoError(t, err)
		key := m.key()
		signed, err := attest.AsLog(note, key, m.store.LogHashes(token))
		require.NoError(t, err)
		require.Equal(t, 1, len(logs(t, r, signed)), "its own, under the log's name")

		forged := c
		forged.Root = chain.Hash{1}
		line, err := proof.Cosign(forged.Body(), r.members[0].key(), 1_800_000_000)
		require.NoError(t, err)
		note, err = proof.AssembleNote(forged.Body(), line)
		require.NoError(t, err)
		same, err := attest.AsLog(note, key, m.store.LogHashes(token))
		require.NoError(t, err)
		require.Equal(t, note, same)

		forged.Size += 100
		line, err = proof.Cosign(forged.Body(), r.members[0].key(), 1_800_000_000)
		require.NoError(t, err)
		note, err = proof.AssembleNote(forged.Body(), line)
		require.NoError(t, err)
		_, err = attest.AsLog(note, key, m.store.LogHashes(token))
		require.Error(t, err, "there are no such blocks here")
	})
}

// logs are who signed a note as the log.
func logs(t *testing.T, r *rig, note []byte) []string {
	t.Helper()
	var members []proof.Cosigner
	for _, m := range r.members {
		members = append(members, proof.Cosigner{Name: m.id, Key: m.key().Verifier()})
	}
	p, err := proof.NewPolicy(members, 2, nil, 0)
	require.NoError(t, err)
	c, err := p.Verify(note, "")
	require.NoError(t, err)
	return c.Log
}
