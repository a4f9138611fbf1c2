package durable_test

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/bpsc/bpsc/internal/durable"
)

// errKilled is what a process gets from its disk once it is dead.
var errKilled = errors.New("killed")

// stepped lets a file system count its steps: before is told of each that
// changes something, and an error from it comes in its place.
func stepped(files vfs.FS, before func() error) durable.Disk {
	return durable.On(durable.VFS(errorfs.Wrap(files, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsRead {
			return nil
		}
		return before()
	}))))
}

// losses are the file systems that a loss of power can leave: with what was
// synced only, and with parts of the rest.
func losses(files *vfs.MemFS) []*vfs.MemFS {
	left := []*vfs.MemFS{files.CrashClone(vfs.CrashCloneCfg{})}
	for seed := range uint64(8) {
		cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(seed, 1))}
		left = append(left, files.CrashClone(cfg))
	}
	return left
}

func content(t *testing.T, files vfs.FS, path string) string {
	t.Helper()
	f, err := files.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "none"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Whatever step the power fails at, what was there before is there or what was
// to come, and only the latter once the call has returned.
func TestEachStepOfEachChange(t *testing.T) {
	long := strings.Repeat("new", 1000)
	for name, c := range map[string]struct {
		change        func(durable.Disk) error
		path          string
		before, after string
	}{
		"write": {func(d durable.Disk) error { return d.WriteFile("dir/file", []byte(long), 0o600) }, "dir/file", "old", long},
		"first": {func(d durable.Disk) error { return d.WriteFile("dir/other", []byte(long), 0o600) }, "dir/other", "none", long},
		"create": {func(d durable.Disk) error { return d.CreateFile("dir/other", []byte(long), 0o600) },
			"dir/other", "none", long},
		"rename":                    {func(d durable.Disk) error { return d.Rename("dir/file", "dir/other") }, "dir/other", "none", "old"},
		"remove":                    {func(d durable.Disk) error { return d.RemoveAll("dir/file") }, "dir/file", "old", "none"},
		"remove with its directory": {func(d durable.Disk) error { return d.RemoveAll("dir") }, "dir/file", "old", "none"},
		"write in a new directory": {func(d durable.Disk) error {
			return errors.Join(d.MkdirAll("dir/a/b", 0o700), d.WriteFile("dir/a/b/file", []byte(long), 0o600))
		}, "dir/a/b/file", "none", long},
	} {
		t.Run(name, func(t *testing.T) {
			files := vfs.NewCrashableMem()
			d := durable.On(durable.VFS(files))
			if err := errors.Join(d.MkdirAll("dir", 0o700), d.WriteFile("dir/file", []byte("old"), 0o600)); err != nil {
				t.Fatal(err)
			}
			steps := 0
			check := func(allowed ...string) {
				t.Helper()
				for _, left := range losses(files) {
					if got := content(t, left, c.path); !slices.Contains(allowed, got) {
						t.Errorf("before step %d: found %.10q", steps, got)
					}
				}
			}
			changed := c.change(stepped(files, func() error { steps++; check(c.before, c.after); return nil }))
			if changed != nil {
				t.Fatal(changed)
			}
			if steps < 2 {
				t.Errorf("%d steps were seen", steps)
			}
			check(c.after)
		})
	}
}

// A process that is killed leaves names that are not durable. Who reads such a
// file at the next start, and acts on it, must find it again after a loss of
// power, or it could cast a vote twice.
func TestWhatWasReadLasts(t *testing.T) {
	for killed := 1; ; killed++ {
		files := vfs.NewCrashableMem()
		d := durable.On(durable.VFS(files))
		if err := errors.Join(d.MkdirAll("dir", 0o700), d.WriteSealed("dir/vote", record{"n1", 1})); err != nil {
			t.Fatal(err)
		}
		step := 0
		err := stepped(files, func() error {
			if step++; step >= killed {
				return errKilled
			}
			return nil
		}).WriteSealed("dir/vote", record{"n1", 2})
		if err == nil {
			if killed < 4 {
				t.Errorf("only %d steps", killed)
			}
			return
		}
		var seen, found record
		if err := d.ReadSealed("dir/vote", &seen); err != nil {
			t.Fatal(err)
		}
		for _, left := range losses(files) {
			if err := durable.On(durable.VFS(left)).ReadSealed("dir/vote", &found); err != nil || found != seen {
				t.Errorf("killed at step %d: read %v, and after the loss %v, %v", killed, seen, found, err)
			}
		}
	}
}

func TestCreateFileReplacesNothing(t *testing.T) {
	path := t.TempDir() + "/key"
	if err := durable.CreateFile(path, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.CreateFile(path, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file was replaced: %v", err)
	}
	if got := content(t, vfs.Default, path); got != "first" {
		t.Errorf("found %q", got)
	}
}
