// Package folder is the folder that a store has for itself: which of the databases in it is the
// one in use, how another one takes its place, and what is noted beside them. It knows names and
// files, and nothing of what is in a database.
package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bpsc/bpsc/internal/durable"
)

// The folder holds one database, db-N, and a file that names it, so that one rename
// swaps databases. Other db-… are what a swap left.
const (
	currentFile = "CURRENT"
	dbPrefix    = "db-"
	// First is the database that Begin makes; each that takes its place has a name of its own.
	First = dbPrefix + "1"
)

// Folder is the store's folder on its file system. All that changes a name in it
// goes through disk, in an order that a loss of power may cut anywhere: see
// TestEachStepOfTheStore.
type Folder struct {
	dir     string
	files   vfs.FS
	disk    durable.Disk
	damaged error
}

// New is the folder dir. Errors wrap damaged where what is in it does not go together, so
// something is lost.
func New(dir string, files vfs.FS, damaged error) Folder {
	return Folder{dir, files, durable.On(durable.VFS(files)), damaged}
}

// Path is that of what has a name in the folder.
func (f Folder) Path(name string) string { return f.files.PathJoin(f.dir, name) }

// Current names the database in use.
func (f Folder) Current() (string, error) {
	path := f.Path(currentFile)
	there, err := f.disk.Exists(path)
	if err != nil {
		return "", err
	}
	if !there {
		return "", fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if err := f.disk.Settle(path); err != nil {
		return "", err // or power could take away the name by which others are removed
	}
	text, err := f.read(path)
	if err != nil {
		return "", err
	}
	name := strings.TrimSpace(text)
	if !strings.HasPrefix(name, dbPrefix) || name != filepath.Base(name) {
		return "", fmt.Errorf("%w: %s does not name a folder", f.damaged, path)
	}
	switch there, err := f.disk.Exists(f.Path(name)); {
	case err != nil:
		return "", err
	case !there:
		return "", fmt.Errorf("%w: %s names %s, which is missing", f.damaged, path, name)
	}
	return name, nil
}

func (f Folder) read(path string) (string, error) {
	file, err := f.files.Open(path)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(file)
	return string(text), errors.Join(err, file.Close())
}

// InUse is Current for a folder that nobody has open and that may be damaged.
func (f Folder) InUse() (string, error) {
	name, err := f.Current()
	if errors.Is(err, fs.ErrNotExist) {
		if unnamed := f.unnamed(); unnamed != nil && !errors.Is(unnamed, fs.ErrNotExist) {
			return "", unnamed
		}
	}
	return name, err
}

// SetCurrent makes the named database the one in use. On an error it may be that
// one or the one before.
func (f Folder) SetCurrent(name string) error {
	return f.disk.WriteFile(f.Path(currentFile), []byte(name+"\n"), 0o600)
}

// Begin makes a new, empty database the one in use, and refuses where data stands without a
// pointer to it. An empty database is none: a start that was cut off left it.
func (f Folder) Begin() (string, error) {
	if err := f.disk.MkdirAll(f.dir, 0o700); err != nil {
		return "", err
	}
	if err := f.unnamed(); err != nil {
		return "", err
	}
	if err := f.disk.MkdirAll(f.Path(First), 0o700); err != nil {
		return "", err
	}
	return First, f.SetCurrent(First)
}

// unnamed refuses a folder without a pointer to data that stands there.
func (f Folder) unnamed() error {
	left, err := f.databases()
	if err != nil {
		return err
	}
	for _, name := range left {
		files, err := f.files.List(f.Path(name))
		if err != nil {
			return err
		}
		if len(files) > 0 {
			return fmt.Errorf("%w: %s is missing beside %s", f.damaged, currentFile, f.Path(name))
		}
	}
	return nil
}

// databases lists all there are, and what is left of some.
func (f Folder) databases() (names []string, err error) {
	all, err := f.files.List(f.dir)
	for _, name := range all {
		if strings.HasPrefix(name, dbPrefix) {
			names = append(names, name)
		}
	}
	return names, err
}

// RemoveOthers removes databases that were left half done or have been replaced.
func (f Folder) RemoveOthers(current string) error {
	names, err := f.databases()
	for _, name := range names {
		if name != current {
			err = errors.Join(err, f.Remove(name))
		}
	}
	return err
}

// Remove removes a database that is not in use.
func (f Folder) Remove(name string) error { return f.disk.RemoveAll(f.Path(name)) }

// Adopt makes the database after the one in use of the files in another folder.
func (f Folder) Adopt(from, inUse string) (name string, err error) {
	n, err := strconv.Atoi(strings.TrimPrefix(inUse, dbPrefix))
	if err != nil {
		return "", fmt.Errorf("%w: folder %q", f.damaged, inUse)
	}
	name = dbPrefix + strconv.Itoa(n+1)
	if err := f.Remove(name); err != nil { // left by who did not end
		return "", err
	}
	return name, f.Link(from, f.Path(name))
}

// Link makes a new folder of the files in another one. Pebble never writes into a table or a
// blob file once it is whole, so these are linked where the file system allows it; everything
// else is copied.
func (f Folder) Link(from, to string) error {
	entries, err := f.files.List(from)
	if err != nil {
		return err
	}
	if err := f.disk.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, entry := range entries {
		put := vfs.Copy
		if immutable(entry) {
			put = vfs.LinkOrCopy
		}
		if err := put(f.files, f.files.PathJoin(from, entry), f.files.PathJoin(to, entry)); err != nil {
			return err
		}
	}
	return f.disk.SyncDir(to)
}

// immutable tells whether a file of Pebble's, once it is there, never changes.
func immutable(name string) bool {
	return strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob")
}
