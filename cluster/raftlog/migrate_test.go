package raftlog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/internal/durable"
)

// directory is one of a member that has started, with a log of so many entries.
func directory(t *testing.T, kind datadir.LogStore, entries uint64) *datadir.Dir {
	t.Helper()
	dir, err := datadir.Open(t.TempDir(), "n1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	dir.Found("c")
	if err := errors.Join(dir.SetLogStore(kind), dir.Complete()); err != nil {
		t.Fatal(err)
	}
	s, err := Open(kind, dir.Path(kind.Name()), 0)
	if err != nil {
		t.Fatal(err)
	}
	var logs []*raft.Log
	for i := uint64(1); i <= entries; i++ {
		logs = append(logs, sealOne(entryOf(i, 10), i/2))
	}
	if err := s.StoreLogs(logs); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	return dir
}

func other(kind datadir.LogStore) datadir.LogStore {
	if kind == datadir.WAL {
		return datadir.Bolt
	}
	return datadir.WAL
}

// mustHave makes sure that the log is in one store, whole, and in no other.
func mustHave(t *testing.T, dir *datadir.Dir, kind datadir.LogStore, first, last, after uint64) {
	t.Helper()
	if is := dir.Identity().LogStore(); is != kind {
		t.Errorf("identity.json says %s", is)
	}
	s, err := Open(kind, dir.Path(kind.Name()), after)
	if err != nil {
		t.Fatal(err)
	}
	gotFirst, _ := s.FirstIndex()
	if gotLast, _ := s.LastIndex(); gotFirst != first || gotLast != last {
		t.Errorf("entries %d to %d, want %d to %d", gotFirst, gotLast, first, last)
	}
	for i := first; i <= last && last > 0; i++ {
		var l raft.Log
		if err := s.GetLog(i, &l); err != nil {
			t.Fatal(err)
		}
		if committed, err := unseal(i, &l); err != nil || committed != i/2 || string(l.Extensions) != "x" {
			t.Fatalf("entry %d: committed %d, %v", i, committed, err)
		}
	}
	mustClose(t, s)
	if left := dirNames(t, dir); slices.Contains(left, other(kind).Name()) {
		t.Errorf("there are %v", left)
	}
}

func sealOne(l *raft.Log, committed uint64) *raft.Log { return seal([]*raft.Log{l}, committed)[0] }

func dirNames(t *testing.T, dir *datadir.Dir) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir.Path(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A log is moved with its seals, there and back, and counts in one store at any time.
func TestMove(t *testing.T) {
	t.Parallel()
	for _, kind := range datadir.LogStores() {
		t.Run(string(kind), func(t *testing.T) {
			dir := directory(t, kind, 100)
			for _, to := range []datadir.LogStore{other(kind), kind, other(kind)} {
				moved, err := Move(t.Context(), dir, to, 0)
				if err != nil || moved.Entries != 100 || moved.To != to || moved.Bytes == 0 {
					t.Fatalf("moved %+v, %v", moved, err)
				}
				mustHave(t, dir, to, 1, 100, 0)
			}
		})
	}
}

// An empty log is moved, one that a snapshot leapt over becomes empty where it can have
// no holes, and of one with a hole the piece behind it is moved.
func TestMoveWhatASnapshotLeaptOver(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		entries            uint64
		more               []uint64
		after, first, last uint64
	}{
		"empty":     {0, nil, 0, 0, 0},
		"all of it": {20, nil, 30, 0, 0},
		"a hole":    {20, []uint64{31, 32}, 30, 31, 32},
	} {
		t.Run(name, func(t *testing.T) {
			dir := directory(t, datadir.Bolt, tc.entries)
			s, err := openBolt(dir.Path(datadir.LogFile), tc.after)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range tc.more {
				if err := s.StoreLog(sealOne(entryOf(i, 10), i/2)); err != nil {
					t.Fatal(err)
				}
			}
			mustClose(t, s)
			if _, err := Move(t.Context(), dir, datadir.WAL, tc.after); err != nil {
				t.Fatal(err)
			}
			mustHave(t, dir, datadir.WAL, tc.first, tc.last, tc.after)
		})
	}
}

// Whatever step of a move a crash comes after, the next start has the whole log, in
// whichever store it is to be.
func TestMoveCrashes(t *testing.T) {
	t.Parallel()
	for _, kind := range datadir.LogStores() {
		to := other(kind)
		for name, crash := range map[string]func(t *testing.T, dir *datadir.Dir){
			"as entries are copied": func(t *testing.T, dir *datadir.Dir) {
				s, err := Open(to, dir.Path(to.Name()), 0)
				if err != nil {
					t.Fatal(err)
				}
				for i := range uint64(5) {
					if err := s.StoreLog(sealOne(entryOf(i+1, 99), 0)); err != nil {
						t.Fatal(err)
					}
				}
				mustClose(t, s)
			},
			"as the copy is made": func(t *testing.T, dir *datadir.Dir) {
				if err := errors.Join(os.Mkdir(dir.Path(to.Name()), 0o700), os.WriteFile(filepath.Join(dir.Path(to.Name()), "half"), nil, 0o600)); err != nil {
					t.Fatal(err)
				}
			},
			"as the copy is whole": func(t *testing.T, dir *datadir.Dir) {
				if err := (&Moved{From: kind, To: to}).copy(t.Context(), dir.Path(kind.Name()), dir.Path(to.Name()), 0); err != nil {
					t.Fatal(err)
				}
			},
			"as identity.json names the copy": func(t *testing.T, dir *datadir.Dir) {
				err := (&Moved{From: kind, To: to}).copy(t.Context(), dir.Path(kind.Name()), dir.Path(to.Name()), 0)
				if err := errors.Join(err, dir.SetLogStore(to)); err != nil {
					t.Fatal(err)
				}
			},
			"as the old one is removed": func(t *testing.T, dir *datadir.Dir) {
				err := (&Moved{From: kind, To: to}).copy(t.Context(), dir.Path(kind.Name()), dir.Path(to.Name()), 0)
				if err := errors.Join(err, dir.SetLogStore(to), durable.RemoveAll(dir.Path(kind.Name()))); err != nil {
					t.Fatal(err)
				}
			},
		} {
			for _, wanted := range datadir.LogStores() {
				t.Run(string(kind)+", "+name+", then "+string(wanted), func(t *testing.T) {
					t.Parallel()
					dir := directory(t, kind, 100)
					crash(t, dir)
					path := dir.Path("")
					if err := dir.Close(); err != nil {
						t.Fatal(err)
					}
					for _, name := range []string{datadir.VoteFile, datadir.SnapshotsDir, datadir.StartsFile, datadir.MemoryFile} {
						if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
							t.Fatal(err)
						}
					}
					dir, err := datadir.Open(path, "n1") // that nothing is missing
					if err != nil {
						t.Fatal(err)
					}
					defer dir.Close()
					if is := dir.Identity().LogStore(); is != wanted {
						_, err = Move(t.Context(), dir, wanted, 0)
					}
					if err := errors.Join(err, Leave(dir)); err != nil {
						t.Fatal(err)
					}
					mustHave(t, dir, wanted, 1, 100, 0)
				})
			}
		}
	}
}

// A log that cannot be moved stays where it was: one in which an entry is not as it was
// written, or where nobody waits for it any more.
func TestMovesThatFail(t *testing.T) {
	for _, kind := range datadir.LogStores() {
		for name, tc := range map[string]struct {
			spoil  func(s Store) error
			cancel bool
		}{
			"a seal is wrong": {spoil: func(s Store) error {
				l := sealOne(entryOf(101, 10), 1)
				l.Data = []byte("other")
				return s.StoreLog(l)
			}},
			"it is given up": {spoil: func(Store) error { return nil }, cancel: true},
		} {
			t.Run(string(kind)+", "+name, func(t *testing.T) {
				dir := directory(t, kind, 100)
				s, err := Open(kind, dir.Path(kind.Name()), 0)
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(tc.spoil(s), s.Close()); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tc.cancel {
					cancel()
				}
				if _, err := Move(ctx, dir, other(kind), 0); err == nil {
					t.Fatal("it was moved")
				}
				if names := dirNames(t, dir); dir.Identity().LogStore() != kind || slices.Contains(names, other(kind).Name()) || !slices.Contains(names, kind.Name()) {
					t.Errorf("identity.json says %s, and there are %v", dir.Identity().LogStore(), names)
				}
			})
		}
	}
}
