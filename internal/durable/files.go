package durable

import (
	"io"
	"io/fs"

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
