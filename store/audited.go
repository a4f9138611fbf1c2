package store

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// auditedFile names the database that was restored from a snapshot and audited since. The
// first database of a folder was restored from nothing, and each that is restored has a
// name of its own, so one that is not audited yet can be told without a mark.
const auditedFile = "AUDITED"

// Unaudited names the state in use where it was restored from a snapshot and SetAudited has
// not been called for it; "" where there is nothing to audit.
func (s *Store) Unaudited() (name string, err error) {
	s.mu.RLock()
	name, audited := s.dbName, s.audited
	s.mu.RUnlock()
	if name == firstDB || name == audited {
		return "", nil
	}
	return name, nil
}

// SetAudited notes durably that the state that Unaudited has named is what its blocks come
// to. Of any other it says nothing.
func (s *Store) SetAudited(name string) error {
	if err := s.folder.disk.WriteFile(s.folder.path(auditedFile), []byte(name+"\n"), 0o600); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.audited = name
	return nil
}

// lastAudited is what SetAudited has noted; "": nothing.
func (f folder) lastAudited() (string, error) {
	path := f.path(auditedFile)
	there, err := f.disk.Exists(path)
	if err != nil || !there {
		return "", err
	}
	if err := f.disk.Settle(path); err != nil {
		return "", err
	}
	text, err := f.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return strings.TrimSpace(text), nil
}
