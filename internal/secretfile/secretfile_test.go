package secretfile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASecretIsNotForEverybody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte("hunter2-hunter2"), 0o600))
	for mode, good := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o640: true, 0o440: true, 0o660: true,
		0o644: false, 0o604: false, 0o602: false, 0o666: false, 0o444: false,
	} {
		require.NoError(t, os.Chmod(path, mode))
		text, err := Read(path, 100)
		if good {
			require.NoError(t, err, mode)
			require.Equal(t, "hunter2-hunter2", string(text))
			continue
		}
		require.ErrorIs(t, err, ErrExposed, mode)
		require.ErrorContains(t, err, "chmod o= "+path)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestWhatSaysWhomSecretsGoToIsChangedByItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "contexts")
	require.NoError(t, os.WriteFile(path, []byte("whom"), 0o600))
	for mode, refused := range map[os.FileMode]error{
		0o600: nil, 0o640: nil, 0o440: nil, 0o660: ErrChangeable, 0o620: ErrChangeable, 0o666: ErrExposed, 0o604: ErrExposed,
	} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := ReadOwn(path, 100)
		require.ErrorIs(t, err, refused, "%o", mode)
	}
}

func TestASecretHasABound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte("12345678"), 0o600))
	_, err := Read(path, 8)
	require.NoError(t, err)
	_, err = Read(path, 7)
	require.ErrorIs(t, err, ErrTooLarge)
	require.NotContains(t, err.Error(), "12345")
	_, err = Read(path+"x", 7)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// What a shell hands over as <(command) has a mode of its own, and no name.
func TestAPipeIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o644))
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, []byte("piped"), 0) }()
	text, err := Read(path, 8)
	require.NoError(t, err)
	require.NoError(t, <-written)
	require.Equal(t, "piped", string(text))
}
