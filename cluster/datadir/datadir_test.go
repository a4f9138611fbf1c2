package datadir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/internal/durable"
)

// complete is the directory of member n1 of the cluster c after its first start.
func complete(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "n1")
	d, err := Open(path, "n1", "c")
	if err != nil || !d.Fresh() {
		t.Fatalf("a first start: %v", err)
	}
	for _, name := range dataFiles() {
		if err := os.WriteFile(d.Path(name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(d.Complete(), d.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestACompleteDirectory(t *testing.T) {
	path := complete(t)
	d, err := Open(path, "n1", "c")
	if err != nil || d.Fresh() {
		t.Fatalf("the second start: %v", err)
	}
	if _, err := Open(path, "n1", "c"); !errors.Is(err, ErrLocked) {
		t.Errorf("a second process: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, other := range [][2]string{{"n2", "c"}, {"n1", "d"}} {
		if _, err := Open(path, other[0], other[1]); !errors.Is(err, ErrMismatch) {
			t.Errorf("as %v: %v", other, err)
		}
	}
}

func TestANewerFormat(t *testing.T) {
	path := complete(t)
	id := identity{Format: identityFormat + 1, Member: "n1", Cluster: "c", Ready: true}
	if err := durable.WriteSealed(filepath.Join(path, identityFile), id); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, "n1", "c"); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("got %v", err)
	}
}

func TestAStoppedMember(t *testing.T) {
	for _, kind := range []error{ErrWentBack, ErrDiverged} {
		path := complete(t)
		if err := MarkStopped(path, kind); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, "n1", "c"); !errors.Is(err, kind) {
			t.Errorf("%v: %v", kind, err)
		}
	}
}
