package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func writes(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	require.NoError(t, err)
	return info.Mode()
}

func TestAFileIsReplacedWholeOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, WriteFile(path, nil, writes("one")))
	require.EqualValues(t, 0o644, mode(t, path))
	require.NoError(t, os.Chmod(path, 0o600))
	boom := errors.New("boom")
	require.ErrorIs(t, WriteFile(path, nil, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return boom
	}), boom)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "one", string(text))
	require.NoError(t, WriteFile(path, nil, writes("two")))
	require.EqualValues(t, 0o600, mode(t, path), "a file that was there keeps its mode")
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left beside it")
}

func TestWhatIsNoRegularFileIsWrittenThrough(t *testing.T) {
	dir := t.TempDir()
	target, link, dangling := filepath.Join(dir, "target"), filepath.Join(dir, "link"), filepath.Join(dir, "dangling")
	require.NoError(t, os.WriteFile(target, []byte("before, and longer"), 0o600))
	require.NoError(t, os.Symlink(target, link))
	require.NoError(t, os.Symlink(filepath.Join(dir, "new"), dangling))
	for path, behind := range map[string]string{link: target, dangling: filepath.Join(dir, "new")} {
		require.NoError(t, WriteFile(path, nil, writes("text")))
		require.NotZero(t, mode(t, path)&fs.ModeSymlink)
		text, err := os.ReadFile(behind)
		require.NoError(t, err)
		require.Equal(t, "text", string(text))
	}

	require.NoError(t, WriteFile(os.DevNull, nil, writes("text")))
	require.NotZero(t, mode(t, os.DevNull)&fs.ModeDevice)

	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	read := make(chan string)
	go func() {
		text, _ := os.ReadFile(fifo) // an error shows as another text
		read <- string(text)
	}()
	require.NoError(t, WriteFile(fifo, nil, writes("text")))
	require.Equal(t, "text", <-read)
	require.NotZero(t, mode(t, fifo)&fs.ModeNamedPipe)

	require.ErrorIs(t, WriteFile(dir, nil, writes("text")), ErrUsage)
}
