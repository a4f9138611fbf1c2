package durable

import (
	"io"
	"io/fs"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// FS is what this package needs of a file system.
type FS interface {
	// Create makes a file, or empties the one that is there.
	Create(path string, mode fs.FileMode) (File, error)
	// Open opens a file to read it, or a directory to sync it.
	Open(path string) (File, error)
	Rename(from, to string) error
	Link(from, to string) error
	Mkdir(path string, mode fs.FileMode) error
	Remove(path string) error
	RemoveAll(path string) error
	// Lstat tells whether anything is at path: fs.ErrNotExist where not.
	Lstat(path string) error
}

// File is an open file.
type File interface {
	io.ReadWriteCloser
	Sync() error
}

// VFS makes one of Pebble's file systems an FS. Those know no modes of files.
func VFS(files vfs.FS) FS { return vfsFS{files} }

type vfsFS struct{ vfs.FS }

func (f vfsFS) Create(path string, _ fs.FileMode) (File, error) {
	return f.FS.Create(path, vfs.WriteCategoryUnspecified)
}

func (f vfsFS) Open(path string) (File, error)            { return f.FS.Open(path) }
func (f vfsFS) Mkdir(path string, mode fs.FileMode) error { return f.MkdirAll(path, mode) }
func (f vfsFS) Lstat(path string) error                   { _, err := f.Stat(path); return err }

// osFS is the operating system's.
type osFS struct{}

func (osFS) Create(path string, mode fs.FileMode) (File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
}

func (osFS) Open(path string) (File, error)            { return os.Open(path) }
func (osFS) Rename(from, to string) error              { return os.Rename(from, to) }
func (osFS) Link(from, to string) error                { return os.Link(from, to) }
func (osFS) Mkdir(path string, mode fs.FileMode) error { return os.Mkdir(path, mode) }
func (osFS) Remove(path string) error                  { return os.Remove(path) }
func (osFS) RemoveAll(path string) error               { return os.RemoveAll(path) }
func (osFS) Lstat(path string) error                   { _, err := os.Lstat(path); return err }

// WriteFile is Disk.WriteFile.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	return Disk{}.WriteFile(path, data, mode)
}

// CreateFile is Disk.CreateFile.
func CreateFile(path string, data []byte, mode fs.FileMode) error {
	return Disk{}.CreateFile(path, data, mode)
}

// WriteSealed is Disk.WriteSealed.
func WriteSealed(path string, v any) error { return Disk{}.WriteSealed(path, v) }

// ReadSealed is Disk.ReadSealed.
func ReadSealed(path string, v any) error { return Disk{}.ReadSealed(path, v) }

// Rename is Disk.Rename.
func Rename(from, to string) error { return Disk{}.Rename(from, to) }

// SyncDir is Disk.SyncDir.
func SyncDir(dir string) error { return Disk{}.SyncDir(dir) }

// MkdirAll is Disk.MkdirAll.
func MkdirAll(dir string, mode fs.FileMode) error { return Disk{}.MkdirAll(dir, mode) }

// RemoveAll is Disk.RemoveAll.
func RemoveAll(path string) error { return Disk{}.RemoveAll(path) }

// Exists is Disk.Exists.
func Exists(path string) (bool, error) { return Disk{}.Exists(path) }
