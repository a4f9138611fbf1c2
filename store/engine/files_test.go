package engine

import (
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// fullFile takes no byte, as on a full disk.
type fullFile struct{ vfs.File }

func (fullFile) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
func (fullFile) SyncData() error           { return syscall.ENOSPC }
func (fullFile) Sync() error               { return syscall.ENOSPC }

// fullFS makes such files.
type fullFS struct{ vfs.FS }

func (fullFS) Create(string, vfs.DiskWriteCategory) (vfs.File, error) { return fullFile{}, nil }
func (fullFS) ReuseForWrite(string, string, vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, syscall.ENOSPC
}

// Pebble may panic in the middle of its locks where its log cannot be written: whoever has
// to end the process with a reason knows before it.
func TestALogThatCannotBeWrittenIsToldFirst(t *testing.T) {
	var told []error
	files := watchedFS{fullFS{vfs.NewMem()}, &alarm{fatal: func(err error) { told = append(told, err) }}}
	_, err := files.ReuseForWrite("000001.log", "000002.log", "")
	require.ErrorIs(t, err, syscall.ENOSPC)
	log, err := files.Create("000003.log", "")
	require.NoError(t, err)
	_, err = log.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorIs(t, log.Sync(), syscall.ENOSPC)
	require.ErrorIs(t, log.SyncData(), syscall.ENOSPC)
	require.Len(t, told, 4)
	for _, err := range told {
		require.ErrorIs(t, err, syscall.ENOSPC)
	}

	table, err := files.Create("000004.sst", "") // which is tried again
	require.NoError(t, err)
	_, err = table.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Len(t, told, 4)
}
