package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bpsc/bpsc/internal/durable"
)

// Folder keeps backups as files in a folder, which is made with the first.
type Folder string

// unfinished ends the names of files that are being written.
const unfinished = ".part"

func (f Folder) path(name string) string { return filepath.Join(string(f), name) }

// List implements Place.
func (f Folder) List(context.Context) (names []string, err error) {
	entries, err := os.ReadDir(string(f))
	for _, e := range entries {
		if IsName(e.Name()) && e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Create implements Place.
func (f Folder) Create(_ context.Context, name string) (Pending, error) {
	if err := durable.MkdirAll(string(f), 0o700); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(string(f), name+".*"+unfinished)
	if err != nil {
		return nil, err
	}
	return &pendingFile{File: file, path: f.path(name)}, nil
}

// pendingFile is a file under a temporary name.
type pendingFile struct {
	*os.File
	path string // where it goes
	done bool
}

// Commit implements Pending.
func (p *pendingFile) Commit() error {
	p.done = true
	if err := errors.Join(p.Sync(), p.Close()); err != nil {
		return errors.Join(err, os.Remove(p.Name()))
	}
	if _, err := os.Lstat(p.path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("backup: %s is there already", p.path), err, os.Remove(p.Name()))
	}
	return durable.Rename(p.Name(), p.path)
}

// Abort implements Pending.
func (p *pendingFile) Abort() error {
	if p.done {
		return nil
	}
	p.done = true
	return errors.Join(p.Close(), os.Remove(p.Name()))
}

// Open implements Place.
func (f Folder) Open(_ context.Context, name string) (Stored, error) { return OpenFile(f.path(name)) }

// OpenFile opens one archive, whatever its name.
func OpenFile(path string) (Stored, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("backup: %s is a folder", path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return storedFile{file, info.Size()}, nil
}

type storedFile struct {
	*os.File
	size int64
}

// Size implements Stored.
func (s storedFile) Size() int64 { return s.size }

// Remove implements Place.
func (f Folder) Remove(_ context.Context, name string) error {
	return errors.Join(os.Remove(f.path(name)), durable.SyncDir(string(f)))
}

// Clear implements Place.
func (f Folder) Clear(_ context.Context, before time.Time) error {
	entries, err := os.ReadDir(string(f))
	for _, e := range entries {
		begun, part := strings.CutSuffix(e.Name(), unfinished)
		info, infoErr := e.Info()
		if !part || infoErr != nil || !info.ModTime().Before(before) || !IsName(strings.TrimSuffix(begun, filepath.Ext(begun))) {
			continue
		}
		err = errors.Join(err, os.Remove(f.path(e.Name())))
	}
	return err
}
