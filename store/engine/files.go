package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/blob"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bpsc/bpsc/internal/durable"
)

// markerPrefix begins the names by which Pebble tells which of its files count.
const markerPrefix = "marker."

// logSuffix ends those of its write-ahead logs, and valuesSuffix those of its files of values.
const (
	logSuffix    = ".log"
	valuesSuffix = ".blob"
)

// watchedFS is the file system as Pebble sees it. It sees to three things that Pebble does not:
//
//   - Files are on the disk before a marker names them. Pebble makes a manifest and then its
//     marker and syncs their directory once, and nothing says that a file system keeps two names of
//     one directory in order: the marker alone is a database that does not open.
//   - The alarm hears of a log that cannot be written before Pebble does, which may then panic
//     where it does not hold the lock that it gives back (DB.rotateWAL): that ends the process with
//     no word of why.
//   - The alarm hears of a file of values that does not open, because its end is damaged or it is
//     gone: of that Pebble says nothing but a panic (cockroachdb/pebble#5127).
type watchedFS struct {
	vfs.FS
	alarm *alarm
}

// Open implements vfs.FS. What a file of values has at its end is read once more than Pebble does:
// 38 bytes, each time that such a file is opened.
func (w watchedFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	file, err := w.FS.Open(name, opts...)
	if !strings.HasSuffix(name, valuesSuffix) {
		return file, err
	}
	if err == nil {
		if err = checkValues(file); err != nil {
			err = errors.Join(err, file.Close())
		}
	}
	switch {
	case err == nil:
		return file, nil
	case pebble.IsCorruptionError(err), errors.Is(err, fs.ErrNotExist):
		// By its text alone: Pebble panics where it finds that a file of values is damaged.
		err = fmt.Errorf("%w: %s: %v", ErrCorrupt, w.PathBase(name), err) //nolint:errorlint // see above
		w.alarm.raise(err)
	}
	return nil, err
}

// checkValues reads what stands at the end of a file of values.
func checkValues(file vfs.File) error {
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return err
	}
	_, err = blob.NewFileReader(context.Background(), readable, blob.FileReaderOptions{}) // closing it would close file
	return err
}

// Create implements vfs.FS.
func (w watchedFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(w.PathBase(name), markerPrefix) {
		if err := durable.On(durable.VFS(w.FS)).SyncDir(w.PathDir(name)); err != nil {
			return nil, err
		}
	}
	file, err := w.FS.Create(name, category)
	return w.logged(name, file, err)
}

// ReuseForWrite implements vfs.FS.
func (w watchedFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := w.FS.ReuseForWrite(old, name, category)
	return w.logged(name, file, err)
}

// logged is the file with the alarm before its writes where it is one of Pebble's logs.
func (w watchedFS) logged(name string, file vfs.File, err error) (vfs.File, error) {
	if !strings.HasSuffix(name, logSuffix) {
		return file, err
	}
	if err != nil {
		return nil, w.alarm.told(err)
	}
	return logFile{file, w.alarm}, nil
}

// logFile is one of Pebble's logs. What it cannot write the alarm hears first.
type logFile struct {
	vfs.File
	alarm *alarm
}

// Write implements vfs.File.
func (f logFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.alarm.told(err)
}

// Sync implements vfs.File.
func (f logFile) Sync() error { return f.alarm.told(f.File.Sync()) }

// SyncData implements vfs.File.
func (f logFile) SyncData() error { return f.alarm.told(f.File.SyncData()) }

// told is err, of which the alarm knows then.
func (a *alarm) told(err error) error {
	if err != nil {
		a.raiseStuck(&stuck{text: err.Error(), cause: err})
	}
	return err
}

// Unwrap implements vfs.FS.
func (w watchedFS) Unwrap() vfs.FS { return w.FS }
