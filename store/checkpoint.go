package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"
)

// Checkpoint writes the state, as it is at the time of the call or later,
// into the new folder dir: hard links to Pebble's immutable files, so its cost
// does not grow with the chain. It also makes the store itself durable up to
// that point, so that the log before it may be dropped. Update goes on
// meanwhile.
func (s *Store) Checkpoint(ctx context.Context, dir string) error {
	db, err := s.settle(ctx)
	if err == nil {
		err = db.Flush()
	}
	if err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // Pebble makes the folder; an empty one may stand there
	}
	return db.Checkpoint(dir)
}

// Restore replaces the state by a checkpoint, which it checks first: on an
// error the state is what it was. It must not run beside Update.
func (s *Store) Restore(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.failed == nil && s.frozen != nil {
		s.settled.Wait()
	}
	if s.failed != nil {
		return s.failed
	}
	name, err := nextName(s.dbName)
	if err != nil {
		return err
	}
	if err := linkFolder(dir, filepath.Join(s.cfg.Dir, name)); err != nil {
		return err
	}
	old, oldName, oldIDs, waiting := s.db, s.dbName, s.ids, s.heads
	if err := s.use(name); err != nil {
		return errors.Join(err, os.RemoveAll(filepath.Join(s.cfg.Dir, name)))
	}
	if err := renameio.WriteFile(filepath.Join(s.cfg.Dir, currentFile), []byte(name+"\n"), 0o600); err != nil {
		return s.fail(err) // which of the two is in use is not known any more
	}
	for _, h := range waiting {
		close(h.produced) // look again: the chain may be longer now
		close(h.more)
	}
	oldIDs.close()
	return errors.Join(old.Close(), os.RemoveAll(filepath.Join(s.cfg.Dir, oldName)))
}

func nextName(name string) (string, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "db-"))
	if err != nil {
		return "", fmt.Errorf("%w: folder %q", ErrDamaged, name)
	}
	return "db-" + strconv.Itoa(n+1), nil
}

// linkFolder makes a folder with the same files. Pebble never writes into a
// table or a blob file once it is whole, so these are linked where the file
// system allows it; everything else is copied.
func linkFolder(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil { // left by a restore that did not end
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, e := range entries {
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if immutable(e.Name()) && os.Link(source, target) == nil {
			continue
		}
		if err := copyFile(source, target); err != nil {
			return err
		}
	}
	return syncFolder(to)
}

// immutable tells whether a file of Pebble's, once it is there, never changes.
func immutable(name string) bool {
	return strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob")
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
