package backup

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
)

func TestEachCopyGoesOnFromTheOneBefore(t *testing.T) {
	w, p := newWorld(t), Folder(t.TempDir())
	for i := range 5 {
		w.pay(6 + i)
		m, err := w.copy(p, i > 0)
		require.NoError(t, err)
		require.Equal(t, w.length(), m.Chains[0].Length)
		report, err := verify(t, p)
		require.NoError(t, err)
		require.Equal(t, w.length(), report.Blocks)
		require.NotNil(t, report.Checkpoint)
	}
	_, err := w.copy(p, true)
	require.ErrorIs(t, err, ErrNothingNew)
	require.Len(t, names(t, p), 5)
}

func TestACopyOfAllIsReadOnce(t *testing.T) {
	w, p := newWorld(t), Folder(t.TempDir())
	w.pay(10)
	m, err := w.copy(p, false)
	require.NoError(t, err)
	text, err := os.ReadFile(p.path(ChainName(m.Chains[0], m.Taken)))
	require.NoError(t, err)
	report, err := VerifySeries(t.Context(), OneOf("standard input", bytes.NewReader(text)), audit.Options{})
	require.NoError(t, err)
	require.Equal(t, w.length(), report.Blocks)
}

// Nobody keeps what a node made up.
func TestANodeThatLiesIsNotCopied(t *testing.T) {
	for name, lie := range map[string]func(uint64, []byte) []byte{
		"another amount": func(i uint64, b []byte) []byte { return bytes.ReplaceAll(b, []byte(`"bob"`), []byte(`"eve"`)) },
		"no block":       func(i uint64, b []byte) []byte { return []byte("{}") },
		"too few": func(i uint64, b []byte) []byte {
			if i == 3 {
				panic(io.EOF) // the connection ends
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := newWorld(t), Folder(t.TempDir())
			w.pay(10)
			w.lies = lie
			_, err := w.copy(p, false)
			require.Error(t, err)
			require.Empty(t, names(t, p))
		})
	}
}

func TestACopyOfAnotherChainIsNotGoneOnFrom(t *testing.T) {
	w, p := newWorld(t), Folder(t.TempDir())
	w.pay(4)
	m, err := w.copy(p, false)
	require.NoError(t, err)
	c, err := client.New(w.url)
	require.NoError(t, err)
	for name, change := range map[string]func(*Manifest){
		"another chain": func(m *Manifest) { m.Chains[0].ID[0] ^= 1 },
		"another token": func(m *Manifest) { m.Chains[0].Token = "bka" },
		"another root":  func(m *Manifest) { m.Chains[0].Root[0] ^= 1 },
	} {
		before := m
		before.Chains = []ChainRange{m.Chains[0]}
		change(&before)
		_, err = BeginCopy(t.Context(), c, token, &before, begin())
		require.ErrorIs(t, err, ErrForeign, name)
	}
	before := m
	before.Chains = []ChainRange{m.Chains[0]}
	before.Chains[0].Length++
	_, err = BeginCopy(t.Context(), c, token, &before, begin())
	require.ErrorIs(t, err, client.ErrUnavailable, "the node is behind the backup")
}

// A series is spoiled by whatever is done to one of its parts.
func TestASeriesThatDoesNotHold(t *testing.T) {
	w, p := newWorld(t), Folder(t.TempDir())
	var parts []Manifest
	for i := range 3 {
		w.pay(8)
		m, err := w.copy(p, i > 0)
		require.NoError(t, err)
		parts = append(parts, m)
	}
	path := func(i int) string { return p.path(ChainName(parts[i].Chains[0], parts[i].Taken)) }
	good, err := os.ReadFile(path(1))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		spoil func() error
		want  error
	}{
		"one is missing":   {func() error { return os.Remove(path(1)) }, ErrGap},
		"one is cut short": {func() error { return os.WriteFile(path(1), good[:len(good)-1], 0o600) }, ErrGap},
		"one has changed": {func() error {
			changed := bytes.Clone(good)
			changed[len(changed)/3] ^= 1
			return os.WriteFile(path(1), changed, 0o600)
		}, ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, c.spoil())
			_, err := verify(t, p)
			require.ErrorIs(t, err, c.want)
			require.ErrorIs(t, err, chain.ErrInvalid)
			require.NoError(t, os.WriteFile(path(1), good, 0o600))
		})
	}
	_, err = verify(t, p)
	require.NoError(t, err)
	text, err := os.ReadFile(path(2))
	require.NoError(t, err)
	_, err = VerifySeries(t.Context(), OneOf("the last alone", bytes.NewReader(text)), audit.Options{})
	require.ErrorIs(t, err, chain.ErrInvalid)
}
