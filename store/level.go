package store

import (
	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/folder"
)

// pebbleFormat is that of Pebble's files on a level, named and not Pebble's newest: a
// newer one cannot be opened by a binary that does not know it. Blocks in blob files
// need that of the first level.
func pebbleFormat(release.Level) pebble.FormatMajorVersion { return pebble.FormatValueSeparation }

func (c *Config) formatOn(l release.Level) pebble.FormatMajorVersion {
	if c.pebbleFormat != nil {
		return c.pebbleFormat(l)
	}
	return pebbleFormat(l)
}

// Level is what a binary must know to go on with this state: the level that the cluster
// has activated.
func (s *Store) Level() release.Need {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta.need()
}

// Level is the level that the cluster is on.
func (tx *Tx) Level() release.Level { return tx.s.meta.need().Level }

// SetLevel puts the state on a level. It is on the disk when Update returns.
func (tx *Tx) SetLevel(need release.Need) { tx.s.meta.Level = need }

// need is the level with its release; that of a state that says nothing is the first.
func (m *meta) need() release.Need {
	if m.Level.Level == 0 {
		return release.For(release.First)
	}
	return m.Level
}

// checkLevel fails where the folder says that this binary does not know what is in it.
func checkLevel(f folder.Folder) error {
	need, err := f.Level()
	if err != nil {
		return damaged(f.Path(folder.LevelFile), err)
	}
	return need.Check()
}

// raise makes files and database those of a level. It does nothing where they are.
func (s *Store) raise(db *engine.DB, need release.Need) error {
	if s.cfg.ReadOnly || need.Level <= release.First {
		return nil
	}
	if err := s.folder.SetLevel(need); err != nil {
		return err
	}
	if to := s.cfg.formatOn(need.Level); to > db.FormatMajorVersion() {
		return db.RatchetFormatMajorVersion(to)
	}
	return nil
}
