package sim

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// files is the file system of a member's state. What the store keeps is in memory, and
// forgets what was not synced when power fails. A snapshot lies among the files of the
// cluster's side, which are real: those are named by absolute paths, and what goes from
// the one to the other is copied.
type files struct {
	vfs.FS // in memory
	real   vfs.FS
}

func newFiles(memory *vfs.MemFS) files { return files{memory, vfs.Default} }

func (f files) of(name string) vfs.FS {
	if filepath.IsAbs(name) {
		return f.real
	}
	return f.FS
}

var errOtherDevice = errors.New("another device")

func (f files) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.of(name).Create(name, c)
}

func (f files) Link(from, to string) error {
	if filepath.IsAbs(from) != filepath.IsAbs(to) {
		return errOtherDevice
	}
	return f.of(to).Link(from, to)
}

func (f files) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.of(name).Open(name, opts...)
}

func (f files) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.of(name).OpenReadWrite(name, c, opts...)
}

func (f files) OpenDir(name string) (vfs.File, error) { return f.of(name).OpenDir(name) }

func (f files) Remove(name string) error { return f.of(name).Remove(name) }

func (f files) RemoveAll(name string) error { return f.of(name).RemoveAll(name) }

func (f files) Rename(from, to string) error {
	if filepath.IsAbs(from) != filepath.IsAbs(to) {
		return errOtherDevice
	}
	return f.of(to).Rename(from, to)
}

func (f files) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.of(name).ReuseForWrite(old, name, c)
}

func (f files) MkdirAll(dir string, perm os.FileMode) error { return f.of(dir).MkdirAll(dir, perm) }

func (f files) Lock(name string) (io.Closer, error) { return f.of(name).Lock(name) }

func (f files) List(dir string) ([]string, error) { return f.of(dir).List(dir) }

func (f files) Stat(name string) (vfs.FileInfo, error) { return f.of(name).Stat(name) }

func (f files) GetDiskUsage(path string) (vfs.DiskUsage, error) { return f.of(path).GetDiskUsage(path) }

// Unwrap implements vfs.FS: there is no one file system below.
func (f files) Unwrap() vfs.FS { return nil }
