package cluster

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bpsc/bpsc/cluster/datadir"
)

// Whatever the operating system does not let a member look at is no damage: who
// is told so throws away what is sound. A link that leads to itself is such an
// error for everybody, root too.
func TestSystemErrorsAreNotDamage(t *testing.T) {
	t.Parallel()
	eachLogStore(t, systemErrors)
}

func systemErrors(t *testing.T, store datadir.LogStore) {
	c := used(t, store)
	dir := c.config(0).Dir
	good := filepath.Join(t.TempDir(), "good")
	copyDir(t, dir, good)
	var files []string
	err := filepath.WalkDir(good, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == "state": // the machine's, which reads it when it has to
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		name, err := filepath.Rel(good, path)
		files = append(files, name)
		return err
	})
	if err != nil || len(files) < 5 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			copyDir(t, good, dir)
			path := filepath.Join(dir, name)
			if err := errors.Join(os.Remove(path), os.Symlink(filepath.Base(path), path)); err != nil {
				t.Fatal(err)
			}
			if err := c.open(0); !errors.Is(err, syscall.ELOOP) || errors.Is(err, ErrDamaged) {
				t.Errorf("got %v", err)
			}
		})
	}
}
