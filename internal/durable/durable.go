// Package durable writes files so that they survive a loss of power: whole, or
// not at all. Every creation, rename, link and removal that something relies on
// after a crash goes through it.
//
// An fsync that fails cannot be repeated: the kernel may have dropped the dirty
// pages and report success the next time. Whoever gets an error from this
// package must not go on as if the old content, or the new, were certain.
package durable

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// tempSuffix marks files that are being written; they mean nothing.
const tempSuffix = ".tmp"

// Disk does this package's work on some file system; its zero value on the
// operating system's, as the functions of the same names do.
type Disk struct{ files FS }

// On returns a Disk on another file system; tests have one that crashes.
func On(files FS) Disk { return Disk{files} }

func (d Disk) fs() FS {
	if d.files == nil {
		return osFS{}
	}
	return d.files
}

// WriteFile puts data in the file at path, which after a crash holds either
// data or what it held before: write beside it, sync, rename over it, sync the
// directory.
func (d Disk) WriteFile(path string, data []byte, mode fs.FileMode) error {
	temp := path + tempSuffix
	if err := d.writeAndSync(temp, data, mode); err != nil {
		return errors.Join(err, d.removeIfThere(temp))
	}
	return d.Rename(temp, path)
}

// CreateFile is WriteFile for a name that must be free, also where several
// processes want it: the error is fs.ErrExist where it is not, and what stands
// there stays.
func (d Disk) CreateFile(path string, data []byte, mode fs.FileMode) error {
	temp := path + "." + rand.Text() + tempSuffix
	err := d.writeAndSync(temp, data, mode)
	if err == nil {
		err = d.fs().Link(temp, path) // a rename would replace
	}
	if err := errors.Join(err, d.removeIfThere(temp)); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

func (d Disk) writeAndSync(path string, data []byte, mode fs.FileMode) error {
	f, err := d.fs().Create(path, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Rename gives something another name in the same directory, durably. What has
// to be there under the new name is synced before.
func (d Disk) Rename(from, to string) error {
	if err := d.fs().Rename(from, to); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(to))
}

// Settle makes what is read at path last. A process that was killed between a
// change and its sync leaves what everybody sees and what power may still take.
func (d Disk) Settle(path string) error {
	if err := d.sync(path); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// SyncDir makes the names in a directory durable.
func (d Disk) SyncDir(dir string) error { return d.sync(dir) }

// SyncTree makes a directory with everything below it durable.
func SyncTree(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() && !entry.Type().IsRegular() {
			return fmt.Errorf("%s is neither a file nor a directory", path)
		}
		return Disk{}.sync(path)
	})
}

// MkdirAll makes a directory and its missing parents, all of them durable, also
// what a process that was killed has left.
func (d Disk) MkdirAll(dir string, mode fs.FileMode) error {
	parent := filepath.Dir(dir)
	there, err := d.Exists(dir)
	if err != nil {
		return err
	}
	if there {
		if err := d.SyncDir(parent); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err // who may not look into the parent has not made dir either
		}
		return nil
	}
	if parent != dir {
		if err := d.MkdirAll(parent, mode); err != nil {
			return err
		}
	}
	if err := d.fs().Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.SyncDir(parent)
}

// RemoveAll removes a file or a directory with everything below it, durably. A
// directory loses its name first, so that no half of it is ever found under it.
func (d Disk) RemoveAll(path string) error {
	switch there, err := d.Exists(path); {
	case err != nil:
		return err
	case there:
		if err := d.fs().RemoveAll(path + tempSuffix); err != nil {
			return err
		}
		if err := d.Rename(path, path+tempSuffix); err != nil {
			return err
		}
	}
	if err := d.fs().RemoveAll(path + tempSuffix); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// Exists tells whether there is anything at path.
func (d Disk) Exists(path string) (bool, error) {
	err := d.fs().Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (d Disk) sync(path string) error {
	f, err := d.fs().Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d Disk) removeIfThere(path string) error {
	if err := d.fs().Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
