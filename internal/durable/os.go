package durable

import (
	"io/fs"
	"os"
)

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
