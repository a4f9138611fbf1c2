package folder

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

var errDamaged = errors.New("damaged")

// One database after another is the one in use, and each is made of the files of another folder.
func TestAnotherDatabaseTakesThePlaceOfTheOneInUse(t *testing.T) {
	files := vfs.NewMem()
	f := New("store", files, errDamaged)
	_, err := f.Current()
	require.ErrorIs(t, err, fs.ErrNotExist)
	begun, err := f.Begin()
	require.NoError(t, err)
	require.Equal(t, First, begun)

	require.NoError(t, files.MkdirAll("snapshot", 0o700))
	table, err := files.Create("snapshot/000001.sst", vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	require.NoError(t, table.Close())
	next, err := f.Adopt("snapshot", begun)
	require.NoError(t, err)
	current, err := f.Current()
	require.NoError(t, err)
	require.Equal(t, begun, current, "until it is named")
	require.NoError(t, f.SetCurrent(next))
	require.NoError(t, f.RemoveOthers(next))
	current, err = f.InUse()
	require.NoError(t, err)
	require.Equal(t, next, current)
	names, err := f.databases()
	require.NoError(t, err)
	require.Equal(t, []string{next}, names)

	require.NoError(t, files.Remove(f.Path(currentFile)))
	_, err = f.InUse()
	require.ErrorIs(t, err, errDamaged, "nothing names what is there")
	_, err = f.Begin()
	require.ErrorIs(t, err, errDamaged)
	require.NoError(t, f.SetCurrent(begun))
	_, err = f.Current()
	require.ErrorIs(t, err, errDamaged, "what is named is not there")
}
