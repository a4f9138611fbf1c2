package backup

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/store"
)

// unpacked is an archive's state in a folder.
func unpacked(t *testing.T, archive []byte) (string, Manifest, error) {
	dir := t.TempDir()
	m, err := UnpackState(bytes.NewReader(archive), dir)
	return dir, m, err
}

func TestAStateComesBackAndVerifies(t *testing.T) {
	w := newWorld(t)
	w.pay(21) // the last waits for a block
	archive, m := w.backUp()
	require.Equal(t, w.store.AppliedIndex(), m.Applied)
	require.Equal(t, w.length(), m.Chains[0].Length)
	w.pay(3) // the backup is what it was

	dir, read, err := unpacked(t, archive)
	require.NoError(t, err)
	require.Equal(t, m, read)
	reports, err := VerifyState(t.Context(), dir, &m, audit.Options{})
	require.NoError(t, err)
	require.Len(t, reports, 1)
	require.Equal(t, m.Chains[0].Length, reports[0].Blocks)
	require.Contains(t, reports[0].Checks, audit.CheckStored)
	again, err := VerifyState(t.Context(), dir, &m, audit.Options{})
	require.NoError(t, err)
	require.Equal(t, reports, again, "to verify changes nothing")
}

func TestAClusterWithoutAChainIsBackedUpToo(t *testing.T) {
	s, err := store.Open(store.Config{Dir: filepath.Join(t.TempDir(), "state")})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	_, err = fsm.New(s).Apply(1, 1_800_000_000_000_000, nil)
	require.NoError(t, err)
	dir, m, err := unpacked(t, first((&world{t: t, store: s}).backUp()))
	require.NoError(t, err)
	reports, err := VerifyState(t.Context(), dir, &m, audit.Options{})
	require.NoError(t, err)
	require.Empty(t, reports)
}

// What the manifest says has to be true of the state, though both are whole.
func TestAManifestThatSaysSomethingElse(t *testing.T) {
	w := newWorld(t)
	w.pay(4)
	archive, m := w.backUp()
	dir, _, err := unpacked(t, archive)
	require.NoError(t, err)
	for name, change := range map[string]func(*Manifest){
		"another entry": func(m *Manifest) { m.Applied++ },
		"another tip":   func(m *Manifest) { m.Chains[0].Tip[0] ^= 1 },
		"another root":  func(m *Manifest) { m.Chains[0].Root[0] ^= 1 },
		"one more":      func(m *Manifest) { m.Chains[0].Length++ },
		"another chain": func(m *Manifest) { m.Chains[0].Token = "bka" },
	} {
		said := m
		said.Chains = []ChainRange{m.Chains[0]}
		change(&said)
		_, err := VerifyState(t.Context(), dir, &said, audit.Options{})
		require.ErrorIs(t, err, ErrDamaged, name)
	}
}

// A table that was changed before the backup was made has the manifest's hash, and
// is found all the same.
func TestAStateThatWasDamagedBeforeIsFound(t *testing.T) {
	w := newWorld(t)
	w.pay(40)
	dir, m, err := unpacked(t, first(w.backUp()))
	require.NoError(t, err)
	tables, err := filepath.Glob(filepath.Join(StateFolder(dir), "*.sst"))
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	text, err := os.ReadFile(tables[0])
	require.NoError(t, err)
	text[len(text)/3] ^= 1
	require.NoError(t, os.WriteFile(tables[0], text, 0o600))
	_, err = VerifyState(t.Context(), dir, &m, audit.Options{})
	require.ErrorIs(t, err, chain.ErrInvalid)
}

// The snapshot goes whatever happens to the archive, and so does one that a crash
// has left.
func TestASnapshotIsNotLeftBehind(t *testing.T) {
	w := newWorld(t)
	w.pay(4)
	s := w.source()
	require.NoError(t, os.MkdirAll(filepath.Join(s.Dir, "state"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "state", "left"), nil, 0o600))
	_, err := WriteState(t.Context(), io.Discard, s, begin())
	require.NoError(t, err)
	require.NoFileExists(t, s.Dir)
	_, err = WriteState(t.Context(), failing{io.ErrClosedPipe}, s, begin())
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.NoFileExists(t, s.Dir)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = WriteState(gone, io.Discard, s, begin())
	require.Error(t, err)
	require.NoFileExists(t, s.Dir)
}

func TestBlocksAreNoState(t *testing.T) {
	w, p := newWorld(t), Folder(t.TempDir())
	m, err := w.copy(p, false)
	require.NoError(t, err)
	text, err := os.ReadFile(p.path(ChainName(m.Chains[0], m.Taken)))
	require.NoError(t, err)
	_, _, err = unpacked(t, text)
	require.ErrorIs(t, err, errKind)
}

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func first(archive []byte, _ Manifest) []byte { return archive }
