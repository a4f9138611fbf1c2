package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// A recovery is nothing wrong, and is told.
func TestARecoveryIsReported(t *testing.T) {
	blocks := forge(func(b *chain.Block) {
		if b.Index == 5 {
			r, err := chain.NewRecovery("ada", "fire", []string{"n1", "n2", "n3"}, []string{"n1"}, b.Timestamp-1)
			require.NoError(t, err)
			b.Totals.Fees -= b.Records[1].AmountBPSC
			b.Records[1] = r
		}
	}, nil)
	report, err := audit.Verify(t.Context(), &memory{blocks: blocks}, audit.Options{})
	require.NoError(t, err)
	require.Equal(t, []audit.Recovery{{Block: 5, By: "ada", Reason: "fire", Before: "n1,n2,n3", After: "n1"}}, report.Recoveries)
	require.Equal(t, 1, report.Recovered)
}

// The checkpoint is judged by the policy of its size.
func TestTheHistoryJudgesTheCheckpoint(t *testing.T) {
	blocks := forge(nil, nil)
	c := checkpointOf(t, blocks)
	first, next := policyOf(t, "n1", "n2", "n3"), policyOf(t, "n2", "n3", "n4")
	after := func(size uint64, recovery *proof.Recovery) *proof.History {
		h := proof.Handover{Number: 2, Before: first.Newest().Hash(), Policy: next.Newest().Core(), Recovery: recovery,
			Ends: []proof.End{{Token: "aka", ID: chain.HashBytes(blocks[0]), Size: size}}}
		var lines []string
		for _, id := range []string{"n2", "n3"} {
			line, err := proof.Cosign(h.Body(), memberKey(t, id), 1_800_000_000)
			require.NoError(t, err)
			lines = append(lines, line)
		}
		note, err := proof.AssembleNote(h.Body(), lines...)
		require.NoError(t, err)
		all, err := first.Extend(note, nil)
		require.NoError(t, err)
		return all
	}
	fire := &proof.Recovery{By: "ada", Reason: "fire", Before: []string{"n1"}, After: []string{"n2"}}
	for name, x := range map[string]struct {
		policies *proof.History
		signers  []string
		want     error
	}{
		"signed before":             {after(5, nil), []string{"n1", "n2"}, nil},
		"signed after":              {after(4, nil), []string{"n2", "n4"}, nil},
		"by who had left":           {after(4, nil), []string{"n1", "n2"}, proof.ErrMinority},
		"by who had not come":       {after(5, nil), []string{"n2", "n4"}, proof.ErrMinority},
		"signed before a recovery":  {after(5, fire), []string{"n1", "n2"}, nil},
		"after what nobody accepts": {after(4, fire), []string{"n2", "n4"}, proof.ErrRecovery},
	} {
		source := &memory{audit.Chain{Notes: [][]byte{noteOf(t, c, x.signers...)}}, blocks}
		if x.want != nil {
			requireFound(t, source, audit.Options{Policies: x.policies}, want{audit.CheckCheckpoint, 0, -1, x.want, ""})
			continue
		}
		report, err := audit.Verify(t.Context(), source, audit.Options{Policies: x.policies})
		require.NoError(t, err, name)
		require.Equal(t, 3, report.Checkpoint.Of)
		require.Len(t, report.Checkpoint.Members, 2)
	}
}
