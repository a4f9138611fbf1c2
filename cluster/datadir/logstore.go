package datadir

import (
	"errors"
	"fmt"
)

// LogStore is how the log is kept. Each has a name of its own in the directory, and
// identity.json says which one counts; what another one left behind means nothing.
type LogStore string

const (
	Bolt LogStore = "bolt" // raft-boltdb: one file of bbolt, two syncs a write
	WAL  LogStore = "wal"  // raft-wal: a folder of segments, one sync a write
)

// ErrLogStore: there is no such store.
var ErrLogStore = errors.New("the log is kept in bolt or in wal")

// LogStores are all there are.
func LogStores() []LogStore { return []LogStore{Bolt, WAL} }

// ParseLogStore is the store of that name.
func ParseLogStore(name string) (LogStore, error) {
	for _, s := range LogStores() {
		if string(s) == name {
			return s, nil
		}
	}
	return "", fmt.Errorf("%w, not in %q", ErrLogStore, name)
}

// Name is that of its file, or folder, in the directory.
func (s LogStore) Name() string {
	if s == WAL {
		return WALDir
	}
	return LogFile
}

// LogStore is the store that has the log.
func (i Identity) LogStore() LogStore {
	if i.Log == "" {
		return Bolt
	}
	return i.Log
}

// SetLogStore says, durably, that the log is in another store from now on.
func (d *Dir) SetLogStore(s LogStore) error {
	if d.Identity().LogStore() == s {
		return nil
	}
	return d.setIdentity(func(own *Identity) { own.Log = s })
}
