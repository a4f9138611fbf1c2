package audit_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/store"
)

// town is a member's state with two open chains, which is audited as if it had been restored.
type town struct {
	testing.TB
	store   *store.Store
	machine *fsm.Machine
	index   uint64
	audit.Restored
}

func newTown(t testing.TB, transfers int) *town {
	s, err := store.Open(store.Config{Dir: filepath.Join(t.TempDir(), "state"), FilterBytes: 1 << 16, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	w := &town{TB: t, store: s, machine: fsm.New(s)}
	w.Restored = audit.Restored{Store: s, Dir: filepath.Join(t.TempDir(), "audit"), Workers: 2, Logger: slog.New(slog.DiscardHandler)}
	for _, token := range []string{"aka", "points"} {
		w.apply(&command.Create{Contract: fmt.Appendf(nil, `{"token":%q,"wallets":"open","schedule":{"transactions":2}}`, token)})
		w.transfer(token, transfers)
	}
	return w
}

func (w *town) apply(q command.Request) {
	w.index++
	_, err := w.machine.Apply(w.index, 1_800_000_000_000_000+int64(w.index), [][]byte{command.Encode(q)})
	require.NoError(w, err)
}

func (w *town) transfer(token string, n int) {
	txs := make([]chain.Transaction, n)
	for i := range txs {
		txs[i] = chain.Transaction{ID: chain.DeriveID(fmt.Append(nil, token, w.index, i)), Sender: fmt.Sprint("s", i%50), Recipient: fmt.Sprint("r", i%70), Amount: 1_000_000}
	}
	w.apply(&command.Submit{Token: token, Transactions: txs})
}

// gone requires that nothing is left of an audit.
func (w *town) gone() { require.NoDirExists(w, w.Dir) }

func quietly(string, uint64, uint64) {}

func TestABadChainSpoilsNoOther(t *testing.T) {
	w := newTown(t, 5) // the fifth waits for a block
	bad, err := w.Run(t.Context(), quietly)
	require.NoError(t, err)
	require.Empty(t, bad)
	w.gone()
	w.index++
	require.NoError(t, w.store.Update(w.index, func(tx *store.Tx) error {
		h := tx.Head("points")
		before := tx.Account(h, "s1")
		after := before
		after.Balance += 7
		tx.SetAccount(h, "s1", before, after)
		return nil
	}))
	bad, err = w.Run(t.Context(), quietly)
	require.NoError(t, err)
	require.Len(t, bad, 1)
	require.ErrorIs(t, bad["points"], chain.ErrInvalid)
	require.ErrorContains(t, bad["points"], `account "s1"`)
	w.gone()
}

// The state that is audited is in use, and goes on.
func TestAStateGoesOnWhileItIsAudited(t *testing.T) {
	w := newTown(t, 5)
	calls := 0
	bad, err := w.Run(t.Context(), func(token string, _, _ uint64) {
		calls++
		w.transfer(token, 3)
	})
	require.NoError(t, err)
	require.Empty(t, bad)
	require.GreaterOrEqual(t, calls, 4)
	w.gone()
}

func TestAnAuditThatIsCutShortGoesOn(t *testing.T) {
	w := newTown(t, 3000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := w.Run(ctx, func(_ string, blocks, _ uint64) {
		if blocks > 0 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.NoDirExists(t, filepath.Join(w.Dir, "kept"))
	first := uint64(0)
	bad, err := w.Run(t.Context(), func(_ string, blocks, _ uint64) {
		if first == 0 {
			first = max(blocks, 1)
		}
	})
	require.NoError(t, err)
	require.Empty(t, bad)
	require.Greater(t, first, uint64(1))
	w.gone()
}

// Books to which pending records were added are of no block, so they are made anew.
func TestBooksThatWereBeingClosedAreMadeAnew(t *testing.T) {
	w := newTown(t, 5)
	made := filepath.Join(w.Dir, "made")
	require.NoError(t, os.MkdirAll(filepath.Dir(made), 0o700))
	require.NoError(t, os.WriteFile(made, nil, 0o600))
	_, err := w.Run(t.Context(), quietly)
	require.Error(t, err, "it is not what an audit has left")
	require.NoError(t, os.WriteFile(filepath.Join(w.Dir, "ENDING"), nil, 0o600))
	bad, err := w.Run(t.Context(), quietly)
	require.NoError(t, err)
	require.Empty(t, bad)
	w.gone()
}

// What lies beside follows from the blocks, so damage to it keeps no member from signing for
// ever.
func TestBooksThatAreDamagedAreMadeAnew(t *testing.T) {
	w := newTown(t, 3000)
	cut := func() {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := w.Run(ctx, func(_ string, blocks, _ uint64) {
			if blocks > 0 {
				cancel()
			}
		})
		require.ErrorIs(t, err, context.Canceled)
	}
	cut()
	tables, err := filepath.Glob(filepath.Join(w.Dir, "made", "db-*", "*.sst"))
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	for _, table := range tables {
		text, err := os.ReadFile(table)
		require.NoError(t, err)
		for i := range text[:len(text)/2] {
			text[i] ^= 0x55
		}
		require.NoError(t, os.WriteFile(table, text, 0o600))
	}
	bad, err := w.Run(t.Context(), quietly)
	require.NoError(t, err)
	require.Empty(t, bad)
	w.gone()
}

// BenchmarkRestored is how fast a state is audited whose blocks have a thousand transfers.
func BenchmarkRestored(b *testing.B) {
	const transfers = 100_000
	w := newTown(b, 1)
	w.apply(&command.Create{Contract: []byte(`{"token":"large","wallets":"open","schedule":{"transactions":1000}}`)})
	for range transfers / 1000 {
		w.transfer("large", 1000)
	}
	for b.Loop() {
		bad, err := w.Run(b.Context(), quietly)
		require.NoError(b, err)
		require.Empty(b, bad)
	}
	b.ReportMetric(float64(b.N*transfers)/b.Elapsed().Seconds(), "records/s")
}
