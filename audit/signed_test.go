package audit_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/store"
	"github.com/bpsc/bpsc/wallet"
)

// member has a signed chain: genesis, a block with a transfer, and a transfer
// that no block holds yet. n1 and n2 have signed the first block.
type member struct {
	t     *testing.T
	dir   string
	store *store.Store
	key   *wallet.Key
	chain chain.Info
	command.Requester
}

func newMember(t *testing.T) *member {
	seed := sha256.Sum256([]byte("alice"))
	key, err := wallet.ParseKey(hex.EncodeToString(seed[:]))
	require.NoError(t, err)
	m := &member{t: t, dir: t.TempDir(), key: key}
	require.NoError(t, os.Mkdir(filepath.Join(m.dir, "raft"), 0o700))
	m.store, err = store.Open(store.Config{Dir: filepath.Join(m.dir, "state")})
	require.NoError(t, err)
	machine, index := fsm.New(m.store), uint64(0)
	m.Requester = func(_ context.Context, requests [][]byte) (results []command.Result) {
		for _, r := range requests {
			index++
			result, err := machine.Apply(index, int64(1_800_000_000_000_000+index*1_000_000), [][]byte{r})
			require.NoError(t, err)
			results = append(results, command.Result{Index: index, Data: result(0)})
		}
		return results
	}
	c := chain.DefaultContract()
	c.BPSC, c.Issuer, c.Supply = chain.BPSCAddress(c.Token), key.Address(), 1_000_000_000
	_, err = m.CreateContract(t.Context(), c)
	require.NoError(t, err)
	m.chain, err = m.store.Contract("aka")
	require.NoError(t, err)
	first := checkpointOf(t, m.blocks())
	for _, id := range []string{"n1", "n2"} {
		require.NoError(t, m.Announce(t.Context(), command.Announce{Member: id, URL: "http://" + id + ".example", Key: memberKey(t, id).Verifier().String()}))
		a := chain.Attestation{Member: id, Size: first.Size, Root: first.Root, Cosignature: cosign(t, first, id)}
		require.NoError(t, m.Attest(t.Context(), "aka", a))
	}
	m.pay(50_000_000)
	_, err = m.Produce(t.Context(), "aka")
	require.NoError(t, err)
	m.pay(10_000_000)
	return m
}

func (m *member) pay(amount chain.Amount) {
	m.t.Helper()
	tx := m.signed(amount, 1)
	out := m.Submit(m.t.Context(), &m.chain.Contract, []chain.Transaction{tx})[0]
	require.NoError(m.t, out.Err)
	require.Empty(m.t, out.Refused)
}

// signed is a payment by the issuer to somebody.
func (m *member) signed(amount chain.Amount, to byte) chain.Transaction {
	nonce, err := wallet.NewNonce(rand.Reader)
	require.NoError(m.t, err)
	tx := chain.Transaction{Kind: chain.Transfer, Sender: m.key.Address(), Recipient: chain.PublicKey{to}.Address(), Amount: amount,
		Auth: &chain.Auth{Nonce: nonce, Expires: 1_800_000_600}}
	require.NoError(m.t, m.key.Sign(&tx, m.chain.ID, m.chain.Contract.Decimals))
	return tx
}

func (m *member) blocks() (blocks [][]byte) {
	require.NoError(m.t, m.store.Blocks("aka", 1, 0, func(_ uint64, canonical []byte) error {
		blocks = append(blocks, append([]byte{}, canonical...))
		return nil
	}))
	return blocks
}

// spoiled is the chain with a block whose first record was changed, and its root
// with it.
func (m *member) spoiled(change func(b *chain.Block, r *chain.Record)) *memory {
	blocks := m.blocks()
	b, err := chain.DecodeBlock(blocks[1], m.chain.Contract.Decimals)
	require.NoError(m.t, err)
	change(b, &b.Records[0])
	var root chain.RootBuilder
	root.Add(chain.AppendRecord(nil, &b.Records[0], m.chain.Contract.Decimals))
	b.Root = root.Root()
	blocks[1] = b.Append(nil, m.chain.Contract.Decimals)
	return &memory{blocks: blocks}
}

func TestVerifyASignedChain(t *testing.T) {
	m := newMember(t)
	same := m.spoiled(func(*chain.Block, *chain.Record) {})
	report, err := audit.Verify(t.Context(), same, audit.Options{})
	require.NoError(t, err)
	require.EqualValues(t, 1, report.Records)

	for name, c := range map[string]struct {
		change func(b *chain.Block, r *chain.Record)
		record int
		says   string
	}{
		"another signature": {func(_ *chain.Block, r *chain.Record) { r.Auth.Signature[0]++ }, 0, "signature is not good"},
		"another recipient": {func(_ *chain.Block, r *chain.Record) { r.Recipient = chain.PublicKey{2}.Address() }, 0, "its id is not that of what was signed"},
		"more than there is": {func(b *chain.Block, r *chain.Record) {
			tx := m.signed(chain.MaxUnits, 1)
			fees := r.AmountBPSC
			r.ID, r.Auth, r.AmountSend = tx.ID, tx.Auth, tx.Amount
			r.AmountBPSC = chain.Fee(tx.Amount, m.chain.Contract.FeePPM)
			r.AmountReceive = r.AmountSend - r.AmountBPSC
			b.Totals.Fees += r.AmountBPSC - fees
		}, 0, "insufficient"},
		"time before the block": {func(_ *chain.Block, r *chain.Record) { r.Time = 1 }, 0, "its time is not between"},
	} {
		t.Run(name, func(t *testing.T) {
			requireFound(t, m.spoiled(c.change), audit.Options{}, want{audit.CheckBlocks, 2, c.record, nil, c.says})
		})
	}
}

// Of a member the checkpoints come from the log, and pending records count.
func TestVerifyAMembersFolder(t *testing.T) {
	m := newMember(t)
	require.NoError(t, m.store.Close())
	report, err := audit.Verify(t.Context(), open(t, m.dir), audit.Options{Policies: policyOf(t, "n1", "n2", "n3")})
	require.NoError(t, err)
	require.EqualValues(t, 2, report.Blocks)
	require.EqualValues(t, 1, report.Checkpoint.Size)
	require.Len(t, report.Checkpoint.Members, 2)

	m = newMember(t)
	require.NoError(t, m.store.Update(m.store.AppliedIndex()+1, func(tx *store.Tx) error {
		h := tx.Head("aka")
		before := tx.Account(h, m.key.Address())
		now := before
		now.Records++
		tx.SetAccount(h, m.key.Address(), before, now)
		return nil
	}))
	require.NoError(t, m.store.Close())
	requireFound(t, open(t, m.dir), audit.Options{}, want{audit.CheckStored, 0, -1, nil, "after 3 records"})
}
