package store

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

// The store's folder holds one database, db-N, and a file that names it, so that
// Restore swaps databases with one rename. Other db-… are what a Restore left.
const (
	currentFile = "CURRENT"
	dbPrefix    = "db-"
	firstDB     = dbPrefix + "1"
)

// folder is the store's folder on its file system. All that changes a name in it
// goes through disk, in an order that a loss of power may cut anywhere: see
// TestEachStepOfTheStore.
type folder struct {
	dir   string
	files vfs.FS
	disk  durable.Disk
}

func newFolder(cfg Config) folder {
	return folder{cfg.Dir, cfg.FS, durable.On(durable.VFS(cfg.FS))}
}

func (f folder) path(name string) string { return f.files.PathJoin(f.dir, name) }

// current names the database in use.
func (f folder) current() (string, error) {
	path := f.path(currentFile)
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
		return "", fmt.Errorf("%w: %s does not name a folder", ErrDamaged, path)
	}
	switch there, err := f.disk.Exists(f.path(name)); {
	case err != nil:
		return "", err
	case !there:
		return "", fmt.Errorf("%w: %s names %s, which is missing", ErrDamaged, path, name)
	}
	return name, nil
}

func (f folder) read(path string) (string, error) {
	file, err := f.files.Open(path)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(file)
	return string(text), errors.Join(err, file.Close())
}

// setCurrent makes the named database the one in use. On an error it may be that
// one or the one before.
func (f folder) setCurrent(name string) error {
	return f.disk.WriteFile(f.path(currentFile), []byte(name+"\n"), 0o600)
}

// begin makes a new store, and refuses where data stands without a pointer to
// it. An empty database is none: a start that was cut off left it.
func (f folder) begin() (string, error) {
	if err := f.disk.MkdirAll(f.dir, 0o700); err != nil {
		return "", err
	}
	if err := f.unnamed(); err != nil {
		return "", err
	}
	if err := f.disk.MkdirAll(f.path(firstDB), 0o700); err != nil {
		return "", err
	}
	return firstDB, f.setCurrent(firstDB)
}

// unnamed refuses a folder without a pointer to data that stands there.
func (f folder) unnamed() error {
	left, err := f.databases()
	if err != nil {
		return err
	}
	for _, name := range left {
		files, err := f.files.List(f.path(name))
		if err != nil {
			return err
		}
		if len(files) > 0 {
			return fmt.Errorf("%w: %s is missing beside %s", ErrDamaged, currentFile, f.path(name))
		}
	}
	return nil
}

// databases lists all there are, and what is left of some.
func (f folder) databases() (names []string, err error) {
	all, err := f.files.List(f.dir)
	for _, name := range all {
		if strings.HasPrefix(name, dbPrefix) {
			names = append(names, name)
		}
	}
	return names, err
}

// removeOthers removes databases that a Restore left half done or replaced.
func (f folder) removeOthers(current string) error {
	names, err := f.databases()
	for _, name := range names {
		if name != current {
			err = errors.Join(err, f.disk.RemoveAll(f.path(name)))
		}
	}
	return err
}

// adopt makes the database after the one in use of the files in another folder.
func (f folder) adopt(from, inUse string) (name string, err error) {
	n, err := strconv.Atoi(strings.TrimPrefix(inUse, dbPrefix))
	if err != nil {
		return "", fmt.Errorf("%w: folder %q", ErrDamaged, inUse)
	}
	name = dbPrefix + strconv.Itoa(n+1)
	if err := f.disk.RemoveAll(f.path(name)); err != nil { // left by a restore that did not end
		return "", err
	}
	return name, f.link(from, f.path(name))
}

// link makes a new folder of the files in another one. Pebble never writes into a table or a
// blob file once it is whole, so these are linked where the file system allows it; everything
// else is copied.
func (f folder) link(from, to string) error {
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
