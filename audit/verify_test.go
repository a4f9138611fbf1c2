package audit_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

func TestVerifyReportsWhatItChecked(t *testing.T) {
	blocks := forge(nil, nil)
	c := checkpointOf(t, blocks[:4])
	var seen []audit.Progress
	report, err := audit.Verify(t.Context(),
		&memory{audit.Chain{Token: "aka", Length: 5, Notes: [][]byte{noteOf(t, c, "n1", "n3")}}, blocks},
		audit.Options{Policies: policyOf(t, "n1", "n2", "n3"), Progress: func(p audit.Progress) { seen = append(seen, p) }})
	require.NoError(t, err)
	require.Equal(t, audit.Report{
		Token: "aka", ChainID: chain.HashBytes(blocks[0]), Blocks: 5, Records: 8, Tip: chain.HashBytes(blocks[4]),
		Checks: []string{audit.CheckBlocks, audit.CheckCheckpoint},
		Checkpoint: &audit.Checkpoint{Checkpoint: c, Judged: true, Of: 3,
			Members: []proof.Signer{{Name: "n1", Unix: 1_800_000_000}, {Name: "n3", Unix: 1_800_000_000}}},
	}, report)
	require.Len(t, seen, 5)
	require.Equal(t, audit.Progress{Token: "aka", Blocks: 5, Total: 5}, seen[4])
}

func TestVerifyFindsWhatIsWrongWithBlocks(t *testing.T) {
	at := func(index uint64, change func(b *chain.Block)) func(b *chain.Block) {
		return func(b *chain.Block) {
			if b.Index == index {
				change(b)
			}
		}
	}
	fee := func(b *chain.Block) { b.Records[1].AmountBPSC++ }
	twice := func(b *chain.Block) { b.Records[1].ID = idOf(2, 0) }
	for name, c := range map[string]struct {
		blocks [][]byte
		block  uint64
		record int
		says   string
	}{
		"no block":            {nil, 0, -1, "there is no block"},
		"one left out":        {append(forge(nil, nil)[:2], forge(nil, nil)[3]), 3, -1, "index is 4, expected 3"},
		"one twice":           {append(forge(nil, nil)[:2], forge(nil, nil)[1]), 3, -1, "index is 2, expected 3"},
		"no genesis":          {forge(nil, nil)[1:], 1, -1, "block 1: "},
		"a record changed":    {forge(nil, at(3, func(b *chain.Block) { b.Records[0].Recipient = "eve" })), 3, -1, "transactions_root"},
		"another fee":         {forge(at(4, fee), nil), 4, 1, "block 4: record 1: "},
		"an id twice":         {forge(at(5, twice), nil), 5, 1, "stands twice"},
		"other totals":        {forge(at(2, func(b *chain.Block) { b.Totals.Fees++ }), nil), 2, -1, "totals"},
		"another reason":      {forge(at(2, func(b *chain.Block) { b.Trigger = chain.ByTime }), nil), 2, -1, "no block by"},
		"time that goes back": {forge(at(3, func(b *chain.Block) { b.Timestamp -= 5_000_000 }), nil), 3, -1, "goes back"},
		"no JSON":             {[][]byte{forge(nil, nil)[0], []byte("{")}, 2, -1, "block 2: "},
		"another spelling":    {[][]byte{append(forge(nil, nil)[0], ' ')}, 1, -1, "block 1: "},
		"too long":            {[][]byte{make([]byte, chain.MaxBlockBytes+1)}, 1, -1, "block 1: "},
	} {
		t.Run(name, func(t *testing.T) {
			requireFound(t, &memory{blocks: c.blocks}, audit.Options{}, want{audit.CheckBlocks, c.block, c.record, nil, c.says})
		})
	}
}

func TestVerifyHoldsBlocksAgainstTheCheckpoint(t *testing.T) {
	blocks := forge(nil, nil)
	good := checkpointOf(t, blocks[:4])
	other, stranger, more := good, good, good
	other.Root[0]++
	stranger.Origin = proof.Origin("aka", chain.Hash{1})
	more.Size++
	more.Size++
	all := policyOf(t, "n1", "n2", "n3")
	for name, c := range map[string]struct {
		chain  audit.Chain
		policy *proof.History
		want   want
	}{
		"other blocks":    {audit.Chain{Notes: [][]byte{noteOf(t, other, "n1")}}, nil, want{audit.CheckCheckpoint, 4, -1, proof.ErrInconsistent, "up to block 4"}},
		"another chain's": {audit.Chain{Notes: [][]byte{noteOf(t, stranger, "n1")}}, nil, want{audit.CheckCheckpoint, 1, -1, proof.ErrOrigin, "these blocks are of"}},
		"more blocks":     {audit.Chain{Notes: [][]byte{noteOf(t, more, "n1")}}, nil, want{audit.CheckCheckpoint, 0, -1, proof.ErrRolledBack, "only 5 are here"}},
		"no note":         {audit.Chain{Notes: [][]byte{[]byte("x")}}, nil, want{audit.CheckCheckpoint, 0, -1, nil, ""}},
		"none":            {audit.Chain{}, all, want{audit.CheckCheckpoint, 0, -1, proof.ErrMinority, "there is no checkpoint"}},
		"too few":         {audit.Chain{Notes: [][]byte{noteOf(t, good, "n1")}}, all, want{audit.CheckCheckpoint, 0, -1, proof.ErrMinority, "1 of 3"}},
		"strangers":       {audit.Chain{Notes: [][]byte{noteOf(t, good, "n1", "eve")}}, all, want{audit.CheckCheckpoint, 0, -1, proof.ErrMinority, "1 of 3"}},
		"another token":   {audit.Chain{Token: "toy"}, nil, want{audit.CheckCheckpoint, 1, -1, proof.ErrOrigin, "the chain of aka, not of toy"}},
	} {
		t.Run(name, func(t *testing.T) {
			requireFound(t, &memory{c.chain, blocks}, audit.Options{Policies: c.policy}, c.want)
		})
	}
}

// Of several checkpoints the policy takes the newest that it can, and without a
// policy the one that the most have signed counts.
func TestWhichCheckpointCounts(t *testing.T) {
	blocks := forge(nil, nil)
	source := &memory{audit.Chain{Notes: [][]byte{
		noteOf(t, checkpointOf(t, blocks), "n1"),
		noteOf(t, checkpointOf(t, blocks[:4]), "n1", "n2"),
		noteOf(t, checkpointOf(t, blocks[:3]), "n1", "n2", "n3"),
		noteOf(t, checkpointOf(t, blocks[:2]), "n1", "n2", "n3"),
	}}, blocks}
	for policy, size := range map[*proof.History]uint64{policyOf(t, "n1", "n2", "n3"): 4, nil: 3} {
		report, err := audit.Verify(t.Context(), source, audit.Options{Policies: policy})
		require.NoError(t, err)
		require.Equal(t, size, report.Checkpoint.Size)
		require.Equal(t, policy != nil, report.Checkpoint.Judged)
	}
}

func TestVerifyAnExport(t *testing.T) {
	blocks := forge(nil, nil)
	c := checkpointOf(t, blocks)
	note := noteOf(t, c, "n1", "n2")
	report, err := audit.Verify(t.Context(), exportOf(t, note, blocks...), audit.Options{Policies: policyOf(t, "n1", "n2", "n3")})
	require.NoError(t, err)
	require.EqualValues(t, 5, report.Blocks)
	require.True(t, report.Checkpoint.Judged)

	none := audit.Options{}
	requireFound(t, exportOf(t, note, blocks[:4]...), none, want{audit.CheckCheckpoint, 0, -1, proof.ErrRolledBack, "of 5 blocks, and only 4"})
	requireFound(t, exportOf(t, noteOf(t, checkpointOf(t, blocks[:4]), "n1"), blocks...), none,
		want{audit.CheckCheckpoint, 0, -1, audit.ErrExport, "5 blocks, and a checkpoint of 4"})
	requireFound(t, exportOf(t, note), none, want{audit.CheckBlocks, 0, -1, proof.ErrEmpty, "no block"})
	requireFound(t, exportOf(t, []byte("x"), blocks...), none, want{audit.CheckCheckpoint, 0, -1, nil, ""})
	requireFound(t, exportOf(t, note, blocks...), audit.Options{Policies: policyOf(t, "n1", "n4", "n5")},
		want{audit.CheckCheckpoint, 0, -1, proof.ErrMinority, "1 of 3"})
	toy := exportOf(t, note, blocks...)
	toy.Token = "toy"
	requireFound(t, toy, none, want{audit.CheckCheckpoint, 1, -1, proof.ErrOrigin, "not of toy"})
	requireFound(t, &audit.File{Reader: bytes.NewReader(nil)}, none, want{audit.CheckBlocks, 0, -1, audit.ErrExport, "cut short"})
}

// An error of the source says nothing about the chain.
func TestWhatCannotBeReadIsNoFinding(t *testing.T) {
	blocks := forge(nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	report, err := audit.Verify(ctx, &memory{blocks: blocks}, audit.Options{Progress: func(p audit.Progress) {
		if p.Blocks == 2 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, report.Found)
	require.EqualValues(t, 2, report.Blocks)

	broken := errors.New("broken")
	report, err = audit.Verify(t.Context(), failing{broken}, audit.Options{})
	require.ErrorIs(t, err, broken)
	require.Equal(t, audit.Report{}, report)
}

type failing struct{ err error }

func (f failing) Chain(context.Context) (audit.Chain, error) { return audit.Chain{}, f.err }

func (f failing) Blocks(context.Context, func([]byte) error) ([]byte, error) { return nil, f.err }
