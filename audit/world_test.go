package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// forge makes an open chain of five blocks, two records in each but the first.
// alter may spoil a block before its root is computed, and spoil one after.
func forge(alter, spoil func(b *chain.Block)) (blocks [][]byte) {
	c := chain.DefaultContract()
	c.Token, c.Wallets, c.BPSC, c.HoldFor, c.LooseningDelay = "aka", chain.OpenWallets, chain.OpenBPSC, 0, 0
	c.Schedule = chain.Schedule{Transactions: 2}
	header := chain.Header{PreviousHash: chain.GenesisPrevious, Trigger: chain.ByGenesis, Timestamp: 1_800_000_000_000_000, HasRoot: true}
	totals := chain.Totals{}
	for i := uint64(1); i <= 5; i++ {
		header.Index = i
		b := &chain.Block{Header: header}
		if i == 1 {
			b.Contract = &c
		} else {
			for k := range 2 {
				r, _ := chain.NewTransfer(&c, &chain.Transaction{ID: idOf(i, k), Sender: "alice", Recipient: "bob", Amount: 12_500_000})
				b.Records = append(b.Records, r)
				totals.Fees += r.AmountBPSC
			}
		}
		sums := totals
		b.Totals = &sums
		if alter != nil {
			alter(b)
		}
		var root chain.RootBuilder
		for k := range b.Records {
			root.Add(chain.AppendRecord(nil, &b.Records[k], c.Decimals))
		}
		b.Root = root.Root()
		if spoil != nil {
			spoil(b)
		}
		blocks = append(blocks, b.Append(nil, c.Decimals))
		header.PreviousHash, header.Trigger = chain.HashBytes(blocks[i-1]).String(), chain.ByCount
		header.Timestamp += 1_000_000
	}
	return blocks
}

// idOf is the id of a record of forge.
func idOf(block uint64, position int) chain.ID {
	return chain.DeriveID(fmt.Append(nil, block, position))
}

// checkpointOf is that of blocks as they are.
func checkpointOf(t require.TestingT, blocks [][]byte) proof.Checkpoint {
	var log chain.RootBuilder
	for _, b := range blocks {
		leaf, err := proof.LeafOfBlock(b, chain.HashBytes(b))
		require.NoError(t, err)
		log.Add(proof.AppendLeaf(nil, &leaf))
	}
	return proof.Checkpoint{Origin: proof.Origin("aka", chain.HashBytes(blocks[0])), Size: uint64(len(blocks)), Root: log.Root()}
}

func memberKey(t require.TestingT, id string) proof.SigningKey {
	name, err := proof.KeyName("", id)
	require.NoError(t, err)
	k, err := proof.NewSigningKey(name, [32]byte([]byte(fmt.Sprintf("%032s", id))))
	require.NoError(t, err)
	return k
}

func cosign(t require.TestingT, c proof.Checkpoint, id string) string {
	line, err := proof.Cosign(c.Body(), memberKey(t, id), 1_800_000_000)
	require.NoError(t, err)
	return line
}

// noteOf is a checkpoint signed by those.
func noteOf(t require.TestingT, c proof.Checkpoint, ids ...string) []byte {
	var lines []string
	for _, id := range ids {
		lines = append(lines, cosign(t, c, id))
	}
	note, err := proof.AssembleNote(c.Body(), lines...)
	require.NoError(t, err)
	return note
}

// policyOf asks for two of three members.
func policyOf(t require.TestingT, ids ...string) *proof.History {
	var members []proof.Cosigner
	for _, id := range ids {
		members = append(members, proof.Cosigner{Name: id, Key: memberKey(t, id).Verifier()})
	}
	p, err := proof.NewPolicy(members, 2, nil, 0)
	require.NoError(t, err)
	return proof.NewHistory(p)
}

// memory is a chain that is kept nowhere.
type memory struct {
	chain  audit.Chain
	blocks [][]byte
}

func (m *memory) Chain(context.Context) (audit.Chain, error) { return m.chain, nil }

func (m *memory) Blocks(_ context.Context, block func([]byte) error) ([]byte, error) {
	for _, b := range m.blocks {
		if err := block(b); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func exportOf(t require.TestingT, note []byte, blocks ...[]byte) *audit.File {
	var file bytes.Buffer
	w, err := audit.NewExportWriter(&file)
	require.NoError(t, err)
	for _, b := range blocks {
		require.NoError(t, w.Block(b))
	}
	require.NoError(t, w.Finish(note))
	return &audit.File{Reader: &file}
}

// want is a finding.
type want struct {
	check  string
	block  uint64
	record int
	code   error
	says   string
}

func requireFound(t *testing.T, source audit.Source, o audit.Options, w want) {
	t.Helper()
	report, err := audit.Verify(t.Context(), source, o)
	require.ErrorIs(t, err, chain.ErrInvalid)
	require.NotNil(t, report.Found)
	require.Equal(t, err, error(report.Found))
	require.Equal(t, w.check, report.Found.Check, err)
	require.Equal(t, w.block, report.Found.Block, err)
	require.Equal(t, w.record, report.Found.Record, err)
	require.ErrorContains(t, err, w.says)
	if w.code != nil {
		require.ErrorIs(t, err, w.code)
	}
}
