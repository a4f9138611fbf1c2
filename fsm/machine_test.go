package fsm

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store"
)

// rig is a machine on a store in a folder, driven entry by entry.
const second = 1_000_000 // in the machine's time

type rig struct {
	t     testing.TB
	dir   string
	store *store.Store
	*Machine
	index uint64
	now   chain.Micros
}

func newRig(t testing.TB) *rig {
	r := &rig{t: t, dir: filepath.Join(t.TempDir(), "state"), now: 1_800_000_000 * second}
	r.open()
	t.Cleanup(func() { _ = r.store.Close() })
	return r
}

func (r *rig) open() {
	r.t.Helper()
	s, err := store.Open(store.Config{Dir: r.dir, LayerBytes: 4 << 10, NoteEvery: testNotes, FilterBytes: testFilter}) // small: flushes often
	require.NoError(r.t, err)
	r.store, r.Machine = s, New(s)
	r.index = s.AppliedIndex()
}

// apply runs requests as one entry and returns their answers, which have been
// through their encoding.
func (r *rig) apply(requests ...command.Request) []command.Answer {
	r.t.Helper()
	encoded := make([][]byte, len(requests))
	for i, q := range requests {
		encoded[i] = command.Encode(q)
	}
	r.index++
	var ahead any // of every other entry, as where only some are prepared
	if r.index%2 == 0 {
		ahead = r.Prepare(encoded)
	}
	result, err := r.ApplyPrepared(r.index, int64(r.now), encoded, ahead)
	require.NoError(r.t, err)
	answers := make([]command.Answer, len(requests))
	for i := range requests {
		answers[i], err = command.DecodeAnswer(result(i))
		require.NoError(r.t, err)
	}
	return answers
}

func (r *rig) create(text string) command.Answer {
	r.t.Helper()
	return r.apply(&command.Create{Contract: []byte(text)})[0]
}

func (r *rig) send(key, from, to string, units chain.Amount) command.Outcome {
	r.t.Helper()
	return r.apply(submitRequest("aka", transfer(key, from, to, units)))[0].Outcomes[0]
}

func submitRequest(token string, txs ...chain.Transaction) command.Request {
	return &command.Submit{Token: token, Transactions: txs}
}

func transfer(key, from, to string, units chain.Amount) chain.Transaction {
	return chain.Transaction{ID: chain.DeriveID([]byte(key)), Sender: from, Recipient: to, Amount: units}
}

// audit re-checks the whole chain of a token from its bytes alone and compares
// the accounts.
func (r *rig) audit(token string) *Auditor {
	r.t.Helper()
	a := NewAuditor()
	require.NoError(r.t, r.store.Blocks(token, 1, 0, func(_ uint64, canonical []byte) error {
		_, err := a.Next(canonical)
		return err
	}))
	info, err := r.store.Contract(token)
	require.NoError(r.t, err)
	require.Equal(r.t, info.Length, a.Verifier.Length())
	require.Equal(r.t, info.Tip, a.Verifier.Tip())
	if info.Pending == 0 {
		require.Equal(r.t, info.Totals, a.Totals)
		require.Equal(r.t, info.Records, a.Records)
		for name, account := range a.accounts {
			got, err := r.store.Account(token, name)
			require.NoError(r.t, err)
			require.Equal(r.t, account, got, name)
		}
	}
	return a
}

func TestTheTutorialsWalk(t *testing.T) {
	r := newRig(t)
	require.Empty(t, r.create(`{"token":"aka","wallets":"open"}`).Refused)
	o := r.send("k1", "wallet-a", "wallet-b", 1_000_000_000_000)
	require.Equal(t, command.Outcome{Block: 2}, o)
	require.Equal(t, uint64(2), r.apply(&command.Produce{Token: "aka"})[0].Block)
	require.Equal(t, uint64(3), r.apply(&command.Produce{Token: "aka"})[0].Block)
	for name, units := range map[string]chain.Amount{
		"wallet-a": -1_000_000_000_000, "wallet-b": 999_950_000_000, chain.OpenBPSC: 50_000_000,
	} {
		account, err := r.store.Account("aka", name)
		require.NoError(t, err)
		require.Equal(t, units, account.Balance, name)
	}
	block, _, err := r.store.Block("aka", 2)
	require.NoError(t, err)
	require.Contains(t, string(block), `"amount_bpsc": 50, "amount_receive": 999950, "amount_send": 1000000`)
	r.audit("aka")
}

// What Apply costs its goroutine, of which a cluster has one, for a batch of a thousand
// open transfers: all of it, and what is left where Prepare has done its part.
func BenchmarkApply(b *testing.B) { benchApply(b, func(*Machine, [][]byte) any { return nil }) }

func BenchmarkApplyPrepared(b *testing.B) { benchApply(b, (*Machine).Prepare) }

func benchApply(b *testing.B, prepare func(m *Machine, requests [][]byte) any) {
	n := 0
	benchApplyTo(b, `{"token":"aka","wallets":"open","schedule":{"transactions":1000}}`, prepare, func(int) chain.Transaction {
		n++
		return transfer(fmt.Sprint("key", n), fmt.Sprint("wallet-", n%100_000), fmt.Sprint("wallet-", (n*7919)%100_000), 1_000_000)
	})
}

// The same for signed transfers of a thousand wallets, whose signatures are not looked at here.
func BenchmarkApplySigned(b *testing.B) {
	wallets := make([]*person, 1000)
	for i := range wallets {
		wallets[i] = newPerson(fmt.Sprint("wallet ", i))
	}
	w := newTown(`,"schedule":{"transactions":1000}`, false)
	n := 0
	benchApplyTo(b, w.contract, func(*Machine, [][]byte) any { return nil }, func(batch int) chain.Transaction {
		n++
		from, to := w.issuer, wallets[n%len(wallets)]
		if batch > 1 { // in the first they get something
			from, to = to, wallets[(n*7919+1)%len(wallets)]
		}
		return w.finish(&chain.Transaction{Kind: chain.Transfer, Recipient: to.address, Amount: 10_000 / chain.Amount(batch)}, from, 0, 1000)
	})
}

func benchApplyTo(b *testing.B, contract string, prepare func(m *Machine, requests [][]byte) any, next func(batch int) chain.Transaction) {
	s, err := store.Open(store.Config{Dir: filepath.Join(b.TempDir(), "state")})
	require.NoError(b, err)
	m := New(s)
	require.NoError(b, s.Update(1, func(tx *store.Tx) error { tx.SetLevel(release.For(release.Newest)); return nil }))
	_, err = m.Apply(2, 1, [][]byte{command.Encode(&command.Create{Contract: []byte(contract)})})
	require.NoError(b, err)
	const batch = 1000
	index := uint64(2)
	for b.Loop() {
		b.StopTimer()
		txs := make([]chain.Transaction, batch)
		for i := range txs {
			txs[i] = next(int(index) - 1)
		}
		requests := [][]byte{command.Encode(submitRequest("aka", txs...))}
		ahead := prepare(m, requests)
		b.StartTimer()
		index++
		result, err := m.ApplyPrepared(index, int64(index), requests, ahead)
		if err != nil {
			b.Fatal(err)
		}
		if index == 4 {
			b.StopTimer()
			a, err := command.DecodeAnswer(result(0))
			require.NoError(b, err)
			require.Empty(b, a.Outcomes[batch-1].Refused)
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/tx")
	b.StopTimer()
	require.NoError(b, s.Snapshot(context.Background(), filepath.Join(b.TempDir(), "cp")))
	require.NoError(b, s.Close())
}

// BenchmarkPrepare is what Prepare costs, on whichever core.
func BenchmarkPrepare(b *testing.B) {
	r := newRig(b)
	require.Empty(b, r.create(`{"token":"aka","wallets":"open"}`).Refused)
	txs := manyTransfers(0, 1000)
	requests := [][]byte{command.Encode(submitRequest("aka", txs...))}
	b.ReportAllocs()
	for b.Loop() {
		if p := r.Prepare(requests).(prepared); p[0].written == nil {
			b.Fatal("nothing was written")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(txs)), "ns/tx")
}

// Intake refuses what is invalid. Whoever reaches the log without it, such as a leader that lies, gets no
// further, whether the entry was prepared or not, and spoils no id.
func TestWhatIsInvalidIsRefusedInTheLogToo(t *testing.T) {
	r := newRig(t)
	require.Empty(t, r.create(`{"token":"aka","wallets":"open"}`).Refused)
	for name, c := range map[string]struct {
		refused chain.Code
		change  func(*chain.Transaction)
	}{
		"nothing is sent":         {chain.AmountNotPositive, func(t *chain.Transaction) { t.Amount = 0 }},
		"less than nothing":       {chain.AmountNotPositive, func(t *chain.Transaction) { t.Amount = -10 }},
		"more than there can be":  {chain.AmountTooLarge, func(t *chain.Transaction) { t.Amount = chain.MaxUnits + 1 }},
		"a memo that is too long": {chain.MemoTooLong, func(t *chain.Transaction) { t.Memo = strings.Repeat("m", chain.MaxMemoBytes+1) }},
	} {
		t.Run(name, func(t *testing.T) {
			good := transfer(name, "alice", "bob", 10)
			bad := good
			c.change(&bad)
			for range 2 { // one of them is prepared
				require.Equal(t, c.refused, r.apply(submitRequest("aka", bad))[0].Outcomes[0].Refused)
			}
			require.Empty(t, r.apply(submitRequest("aka", good))[0].Outcomes[0].Refused)
		})
	}
}

func TestAnUnknownRequestStopsTheMachine(t *testing.T) {
	for name, data := range map[string][]byte{
		"an unknown kind":    {0x7a, 0x00},
		"nothing":            {},
		"an amount as bytes": {0x12, 0x05, 0x12, 0x03, 0x22, 0x01, 0x07},
	} {
		r := newRig(t)
		_, err := r.Apply(1, 1, [][]byte{data})
		require.ErrorIs(t, err, command.ErrUnknownRequest, name)
		_, err = r.Apply(2, 2, nil)
		require.Error(t, err, "a machine that has failed does nothing more")
	}
}
