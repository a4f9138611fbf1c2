package store

import "github.com/bpsc/bpsc/store/folder"

// Unaudited names the state in use where it was restored from a snapshot and SetAudited has
// not been called for it; "" where there is nothing to audit.
func (s *Store) Unaudited() (name string, err error) {
	s.mu.RLock()
	name, audited := s.dbName, s.audited
	s.mu.RUnlock()
	if name == folder.First || name == audited {
		return "", nil
	}
	return name, nil
}

// SetAudited notes durably that the state that Unaudited has named is what its blocks come
// to. Of any other it says nothing.
func (s *Store) SetAudited(name string) error {
	if err := s.folder.SetAudited(name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.audited = name
	return nil
}
