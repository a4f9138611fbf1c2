package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/bpsc/bpsc/internal/durable"
)

type record struct {
	Name  string
	Count uint64
}

func TestSealedRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	var got record
	if err := durable.ReadSealed(path, &got); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("reading a file that is not there: %v", err)
	}
	for count := range uint64(3) {
		want := record{Name: "n1", Count: count}
		if err := durable.WriteSealed(path, want); err != nil {
			t.Fatal(err)
		}
		if err := durable.ReadSealed(path, &got); err != nil || got != want {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestSealedDetectsAnyDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	if err := durable.WriteSealed(path, record{Name: "n1", Count: 7}); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, at int, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		var got record
		if err := durable.ReadSealed(path, &got); !errors.Is(err, durable.ErrSeal) {
			t.Errorf("%s at %d: got %+v, %v", what, at, got, err)
		}
	}
	for i := range good {
		flipped := append([]byte(nil), good...)
		flipped[i] ^= 0x10
		check("flipped", i, flipped)
		check("truncated", i, good[:i])
	}
	check("appended", len(good), append(good, 'x'))
}

// A crash in the middle of a write leaves a temporary file, nothing else.
func TestWriteFileIgnoresLeftovers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	if err := durable.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".tmp", []byte("half of something lon"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
		t.Fatalf("got %q, %v", got, err)
	}
	if err := durable.WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "new" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestTree(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a", "b", "c")
	if err := durable.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(filepath.Join(root, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.SyncTree(root); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("f", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	if err := durable.SyncTree(root); err == nil {
		t.Error("a symbolic link was taken for a file")
	}
	if err := durable.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if there, err := durable.Exists(root); there || err != nil {
		t.Errorf("still there: %v, %v", there, err)
	}
}
