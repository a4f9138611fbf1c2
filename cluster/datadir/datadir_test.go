package datadir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/identity"
)

// complete is the directory of member n1 of the cluster c after its first start.
func complete(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "n1")
	d, err := Open(path, "n1")
	if err != nil || !d.Fresh() {
		t.Fatalf("a first start: %v", err)
	}
	for _, name := range dataFiles(Bolt) {
		if err := os.WriteFile(d.Path(name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.Found("c")
	if err := errors.Join(d.Complete(), d.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestACompleteDirectory(t *testing.T) {
	path := complete(t)
	d, err := Open(path, "n1")
	if err != nil || d.Fresh() {
		t.Fatalf("the second start: %v", err)
	}
	if _, err := Open(path, "n1"); !errors.Is(err, ErrLocked) {
		t.Errorf("a second process: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if own := d.Identity(); own.Cluster != "c" || own.Name() != "n1" || own.Instance == "" {
		t.Errorf("it belongs to %+v", own)
	}
	if _, err := Open(path, "n2"); !errors.Is(err, ErrMismatch) {
		t.Errorf("as another member: %v", err)
	}
}

func TestANewerFormat(t *testing.T) {
	path := complete(t)
	id := Identity{Format: formatWithStore + 1, Member: "n1", Cluster: "c", Ready: true}
	if err := durable.WriteSealed(filepath.Join(path, identityFile), id); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, "n1"); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("got %v", err)
	}
}

func TestAStoppedMember(t *testing.T) {
	for _, kind := range []error{ErrWentBack, ErrDiverged, ErrRemoved} {
		path := complete(t)
		if err := MarkStopped(path, kind); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, "n1"); !errors.Is(err, kind) {
			t.Errorf("%v: %v", kind, err)
		}
	}
}

// A directory from before instances keeps its cluster and gets an instance for good.
func TestADirectoryWithoutInstance(t *testing.T) {
	path := complete(t)
	before := map[string]any{"format": formatWithoutInstance, "member": "n1", "cluster": "c", "ready": true}
	if err := durable.WriteSealed(filepath.Join(path, identityFile), before); err != nil {
		t.Fatal(err)
	}
	var seen []Identity
	for range 2 {
		d, err := Open(path, "n1")
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, d.Identity())
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if seen[0] != seen[1] || seen[0].Cluster != "c" || seen[0].Name() != "n1" || identity.ValidInstance(seen[0].Instance) != nil {
		t.Errorf("it belongs to %+v, then %+v", seen[0], seen[1])
	}
}

// Who waits to be added keeps its instance, and afterwards the cluster that added it.
func TestJoining(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n4")
	d, err := Open(path, "n4")
	if err != nil {
		t.Fatal(err)
	}
	d.Await()
	for _, name := range dataFiles(Bolt) {
		if err := os.WriteFile(d.Path(name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	waiting := d.Identity()
	if err := errors.Join(d.Complete(), d.Close()); err != nil {
		t.Fatal(err)
	}
	if d, err = Open(path, "n4"); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Join("c"); err != nil {
		t.Fatal(err)
	}
	if own := d.Identity(); own.Cluster != "c" || own.Name() != identity.New("n4", waiting.Instance) {
		t.Errorf("it belongs to %+v, and waited as %+v", own, waiting)
	}
	if err := d.Join("d"); !errors.Is(err, ErrMismatch) {
		t.Errorf("another cluster: %v", err)
	}
}
