package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bpsc/bpsc/store"
)

// What the operating system does not let the store look at is no damage. A link
// that leads to itself is such an error for everybody, root too.
func TestSystemErrorsAreNotDamage(t *testing.T) {
	for _, pattern := range []string{"CURRENT", "db-*/MANIFEST-*", "db-*/*.sst"} {
		t.Run(filepath.Base(pattern), func(t *testing.T) {
			dir := t.TempDir()
			s, err := store.Open(store.Config{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Update(1, func(tx *store.Tx) error { tx.AddNode("a:1", "net"); return nil }); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			paths, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil || len(paths) == 0 {
				t.Fatalf("no file matches %s (%v)", pattern, err)
			}
			path := paths[len(paths)-1]
			if err := errors.Join(os.Remove(path), os.Symlink(filepath.Base(path), path)); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Open(store.Config{Dir: dir}); !errors.Is(err, syscall.ELOOP) || errors.Is(err, store.ErrDamaged) {
				t.Errorf("got %v", err)
			}
		})
	}
}
