package wallet

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func newKeystore(t *testing.T) *Keystore {
	t.Helper()
	return &Keystore{Dir: filepath.Join(t.TempDir(), "data", "keys"), WorkFactor: testWork}
}

func TestKeystoreKeepsKeys(t *testing.T) {
	s := newKeystore(t)
	entries, err := s.List()
	require.NoError(t, err)
	require.Empty(t, entries, "a folder that does not exist has no keys")

	key, err := s.New("alice", "secret")
	require.NoError(t, err)
	rotated, err := mustKey(bobSeed).For(key.Address())
	require.NoError(t, err)
	require.NoError(t, s.Store("alice-2", "other", rotated))

	stored, err := s.Load("alice", "secret")
	require.NoError(t, err)
	require.Equal(t, key, stored.Key)
	stored, err = s.Load("alice-2", "other")
	require.NoError(t, err)
	require.Equal(t, rotated, stored.Key)
	_, err = s.Load("alice-2", "secret")
	require.ErrorIs(t, err, ErrPassphrase)

	entries, err = s.List()
	require.NoError(t, err)
	require.Equal(t, []Entry{{"alice", key.Address()}, {"alice-2", key.Address()}}, entries)
}

func TestKeystoreFilesAreTheirOwnersAlone(t *testing.T) {
	s := newKeystore(t)
	_, err := s.New("alice", "secret")
	require.NoError(t, err)
	mode := func(name string) os.FileMode {
		info, err := os.Stat(filepath.Join(s.Dir, name))
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	require.Equal(t, os.FileMode(0o700), mode("."))
	require.Equal(t, os.FileMode(0o600), mode("alice.age"))
	require.Equal(t, os.FileMode(0o600), mode("alice.address"))
	files, err := os.ReadDir(s.Dir)
	require.NoError(t, err)
	require.Len(t, files, 2, "nothing temporary is left")

	for _, perm := range []os.FileMode{0o640, 0o604, 0o620} {
		require.NoError(t, os.Chmod(s.path("alice", keySuffix), perm))
		_, err = s.Load("alice", "secret")
		require.ErrorIs(t, err, ErrPermissions)
		_, err = s.Export("alice")
		require.ErrorIs(t, err, ErrPermissions)
	}
	require.NoError(t, os.Chmod(s.path("alice", keySuffix), 0o400))
	_, err = s.Load("alice", "secret")
	require.NoError(t, err)

	require.NoError(t, os.Chmod(s.Dir, 0o755))
	_, err = s.Load("alice", "secret")
	require.ErrorIs(t, err, ErrPermissions)
	_, err = s.New("bob", "secret")
	require.ErrorIs(t, err, ErrPermissions)
}

func TestKeystoreNeverOverwrites(t *testing.T) {
	s := newKeystore(t)
	var wins atomic.Int32
	var winner atomic.Pointer[Key]
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			key, err := s.New("alice", "secret")
			if err == nil {
				wins.Add(1)
				winner.Store(key)
				return
			}
			if !strings.Contains(err.Error(), ErrExists.Error()) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, wins.Load())
	stored, err := s.Load("alice", "secret")
	require.NoError(t, err)
	require.Equal(t, winner.Load(), stored.Key)

	require.NoError(t, os.Remove(s.path("alice", keySuffix)))
	require.NoError(t, os.Symlink("/nowhere", s.path("alice", keySuffix)))
	_, err = s.New("alice", "secret")
	require.ErrorIs(t, err, ErrExists, "a name that leads nowhere is taken, too")
}

func TestKeystoreRefuses(t *testing.T) {
	s := newKeystore(t)
	for _, name := range []string{"", "Alice", "a/b", "..", "a.b", "ä", strings.Repeat("a", 65)} {
		_, err := s.New(name, "secret")
		require.ErrorIs(t, err, ErrName, name)
		_, err = s.Load(name, "secret")
		require.ErrorIs(t, err, ErrName, name)
		_, err = s.Address(name)
		require.ErrorIs(t, err, ErrName, name)
	}
	_, err := s.New(strings.Repeat("a", 64), "secret")
	require.NoError(t, err)
	_, err = s.New("alice", "")
	require.ErrorIs(t, err, ErrPassphraseEmpty)
	_, err = s.Load("nobody", "secret")
	require.ErrorIs(t, err, ErrNotFound)
	s.WorkFactor = MaxWorkFactor + 1
	_, err = s.New("alice", "secret")
	require.ErrorIs(t, err, ErrWorkFactor)
}

func TestExportedKeysImport(t *testing.T) {
	from, to := newKeystore(t), newKeystore(t)
	key, err := from.New("alice", "secret")
	require.NoError(t, err)
	text, err := from.Export("alice")
	require.NoError(t, err)

	_, err = to.Import("copy", "wrong", text)
	require.ErrorIs(t, err, ErrPassphrase)
	_, err = to.Import("copy", "secret", append(text, make([]byte, maxKeyFile)...))
	require.ErrorIs(t, err, ErrDamaged)
	require.NoDirExists(t, to.Dir, "nothing is stored that does not open")

	got, err := to.Import("copy", "secret", text)
	require.NoError(t, err)
	require.Equal(t, key, got)
	_, err = to.Import("copy", "secret", text)
	require.ErrorIs(t, err, ErrExists)
	again, err := to.Export("copy")
	require.NoError(t, err)
	require.Equal(t, text, again)
}

func TestTheAddressBesideAKey(t *testing.T) {
	s := newKeystore(t)
	key, err := s.New("alice", "secret")
	require.NoError(t, err)
	path := s.path("alice", addrSuffix)

	require.NoError(t, os.Remove(path))
	entries, err := s.List()
	require.NoError(t, err)
	require.Equal(t, []Entry{{Name: "alice"}}, entries)
	_, err = s.Load("alice", "secret")
	require.NoError(t, err)
	address, err := s.Address("alice")
	require.NoError(t, err)
	require.Equal(t, key.Address(), address, "loading writes again what a crash lost")

	require.NoError(t, os.WriteFile(path, []byte(mustKey(bobSeed).Address()), 0o600))
	_, err = s.Load("alice", "secret")
	require.ErrorIs(t, err, ErrAddressChanged)
	require.NoError(t, os.WriteFile(path, []byte("somewhere"), 0o600))
	_, err = s.List()
	require.ErrorIs(t, err, ErrDamaged)
}
