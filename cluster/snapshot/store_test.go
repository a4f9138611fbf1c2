package snapshot

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/internal/durable"
)

func testStore(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newSink(t *testing.T, s *Store, index uint64) *Sink {
	t.Helper()
	sink, err := s.Create(1, index, 3, raft.Configuration{Servers: []raft.Server{{ID: "a", Address: "h:1"}}}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sink.(*Sink)
}

// take makes a snapshot as a state machine does.
func take(t *testing.T, s *Store, index uint64, tree map[string]string) string {
	t.Helper()
	sink := newSink(t, s, index)
	if err := os.Rename(writeTree(t, tree), sink.state); err != nil {
		t.Fatal(err)
	}
	sink.meta.Reach = index + 5
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return sink.ID()
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// A snapshot goes from one store to another as raft does it: announced size,
// then so many bytes.
func TestSnapshotTransfer(t *testing.T) {
	from, to := testStore(t, t.TempDir()), testStore(t, t.TempDir())
	id := take(t, from, 10, exampleTree())
	meta, r, err := from.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	sink := newSink(t, to, meta.Index)
	n, err := io.Copy(sink, r)
	if err != nil || n != meta.Size {
		t.Fatalf("%d bytes of %d, %v", n, meta.Size, err)
	}
	if err := errors.Join(r.Close(), sink.Close()); err != nil {
		t.Fatal(err)
	}
	got, ok := to.Newest()
	if !ok || got.Index != 10 || got.Reach != 15 || got.Size != meta.Size || len(got.Configuration.Servers) != 1 {
		t.Errorf("meta %+v", got)
	}
	if tree := readTree(t, to.State(got.ID)); !maps.Equal(tree, exampleTree()) {
		t.Errorf("%d files", len(tree))
	}
	again := testStore(t, to.dir)
	if reopened, _ := again.Newest(); reopened.ID != got.ID || reopened.Reach != 15 {
		t.Errorf("reopened: %+v", reopened)
	}
}

// A bad stream makes Close or Write fail and leaves nothing.
func TestSnapshotTransferFails(t *testing.T) {
	data, _ := archiveOf(t, writeTree(t, exampleTree()), 1)
	flipped := bytes.Clone(data)
	flipped[len(flipped)/2] ^= 1
	for name, bad := range map[string][]byte{
		"cut short": data[:len(data)-1], "flipped": flipped, "escape": forge("../x", 1, "x"),
		"nothing": nil, "too long": append(bytes.Clone(data), 1),
	} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t, t.TempDir())
			sink := newSink(t, s, 10)
			_, err := io.Copy(sink, bytes.NewReader(bad))
			if err != nil {
				err = errors.Join(err, sink.Cancel())
			} else {
				err = sink.Close()
			}
			if err == nil {
				t.Error("it was accepted")
			}
			if left := names(t, s.dir); len(left) != 0 {
				t.Errorf("left %v", left)
			}
			if list, _ := s.List(); len(list) != 0 {
				t.Errorf("listed %v", list)
			}
		})
	}
}

func TestSnapshotCancel(t *testing.T) {
	s := testStore(t, t.TempDir())
	data, _ := archiveOf(t, writeTree(t, exampleTree()), 1)
	sink := newSink(t, s, 10)
	if _, err := sink.Write(data[:100]); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sink.Cancel(), sink.Cancel(), sink.Close()); err != nil {
		t.Error(err)
	}
	if left := names(t, s.dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// Two are kept, and one that is being sent is not removed under way.
func TestSnapshotsRetained(t *testing.T) {
	s := testStore(t, t.TempDir())
	first := take(t, s, 10, exampleTree())
	_, r, err := s.Open(first)
	if err != nil {
		t.Fatal(err)
	}
	for index := range uint64(4) {
		take(t, s, 20+index, exampleTree())
	}
	if got := names(t, s.dir); len(got) != retained+1 {
		t.Errorf("with one in use: %v", got)
	}
	if data, err := io.ReadAll(r); err != nil || len(data) == 0 {
		t.Errorf("the one in use: %v", err)
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Error(err)
	}
	take(t, s, 30, exampleTree())
	if got := names(t, s.dir); len(got) != retained {
		t.Errorf("afterwards: %v", got)
	}
	list, err := s.List()
	if err != nil || len(list) != 2 || list[0].Index != 30 || list[1].Index != 23 {
		t.Errorf("list %+v, %v", list, err)
	}
}

// A snapshot of a later format is not damaged, and not read.
func TestALaterFormat(t *testing.T) {
	s := testStore(t, t.TempDir())
	id := take(t, s, 10, exampleTree())
	newest, _ := s.Newest()
	if newest.Format++; newest.Format != metaFormat+1 {
		t.Fatalf("it is of format %d", newest.Format-1)
	}
	if err := durable.WriteSealed(filepath.Join(s.dir, id, metaFile), newest); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s.dir); err == nil || errors.Is(err, datadir.ErrDamaged) || !strings.Contains(err.Error(), "a newer one") {
		t.Errorf("got %v", err)
	}
}

// What a crash left unfinished is removed; what is damaged is refused.
func TestSnapshotsOpen(t *testing.T) {
	s := testStore(t, t.TempDir())
	id := take(t, s, 10, exampleTree())
	newSink(t, s, 20) // never closed
	again := testStore(t, s.dir)
	if got := names(t, s.dir); len(got) != 1 || got[0] != id {
		t.Errorf("left %v", got)
	}
	if err := os.Truncate(filepath.Join(again.State(id), "a"), 3); err != nil {
		t.Fatal(err)
	}
	if _, _, err := again.Open(id); !errors.Is(err, datadir.ErrDamaged) {
		t.Errorf("a file was cut short: %v", err)
	}
	if _, _, err := again.Open("1-2-3"); err == nil {
		t.Error("a snapshot that does not exist was opened")
	}
	meta := filepath.Join(s.dir, id, metaFile)
	for name, spoil := range map[string]func() error{
		"flipped": func() error { return os.WriteFile(meta, []byte("{}\n{}\n"), 0o600) },
		"renamed": func() error {
			return durable.WriteSealed(meta, Meta{SnapshotMeta: raft.SnapshotMeta{ID: "other"}})
		},
		"missing": func() error { return os.Remove(meta) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(s.dir); !errors.Is(err, datadir.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
