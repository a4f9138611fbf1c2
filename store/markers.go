package store

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bpsc/bpsc/internal/durable"
)

// markerPrefix begins the names by which Pebble tells which of its files count.
const markerPrefix = "marker."

// markerFS puts Pebble's files on the disk before a marker names them. Pebble
// makes a manifest and then its marker and syncs their directory once, and
// nothing says that a file system keeps two names of one directory in order: the
// marker alone is a database that does not open.
type markerFS struct{ vfs.FS }

// Create implements vfs.FS.
func (m markerFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(m.PathBase(name), markerPrefix) {
		if err := durable.On(durable.VFS(m.FS)).SyncDir(m.PathDir(name)); err != nil {
			return nil, err
		}
	}
	return m.FS.Create(name, category)
}

// Unwrap implements vfs.FS.
func (m markerFS) Unwrap() vfs.FS { return m.FS }
