package raftlog

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/internal/durable"
)

func openStore(t *testing.T, path string) *boltStore {
	t.Helper()
	return openBehind(t, path, 0)
}

// openBehind opens a log of which a snapshot covers the beginning.
func openBehind(t *testing.T, path string, after uint64) *boltStore {
	t.Helper()
	s, err := openBolt(path, after)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fill appends entries of so many bytes, in groups as raft does.
func fill(t *testing.T, s Store, from, n uint64, size int) {
	t.Helper()
	for next := from; next < from+n; {
		var logs []*raft.Log
		for ; next < from+n && len(logs) < 64; next++ {
			logs = append(logs, entryOf(next, size))
		}
		if err := s.StoreLogs(logs); err != nil {
			t.Fatal(err)
		}
	}
}

func entryOf(index uint64, size int) *raft.Log {
	return &raft.Log{Index: index, Term: 1, Data: bytes.Repeat([]byte{byte(index)}, size), Extensions: []byte("x")}
}

// check makes sure that exactly these entries are there, as they were written.
func check(t *testing.T, s Store, first, last uint64, size func(index uint64) int) {
	t.Helper()
	gotFirst, err := s.FirstIndex()
	if err != nil {
		t.Fatal(err)
	}
	if gotLast, err := s.LastIndex(); err != nil || gotFirst != first || gotLast != last {
		t.Fatalf("entries %d to %d, want %d to %d; %v", gotFirst, gotLast, first, last, err)
	}
	for i := first; i <= last && last > 0; i++ {
		var l raft.Log
		want := entryOf(i, size(i))
		if err := s.GetLog(i, &l); err != nil || !bytes.Equal(l.Data, want.Data) || !bytes.Equal(l.Extensions, want.Extensions) || l.Term != 1 {
			t.Fatalf("entry %d: %v", i, err)
		}
	}
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// A file that a burst of large entries has left large is small again once they are
// cut, while others write on, and has all that is in the log, after a restart as well.
func TestALargeFileBecomesSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raft.db")
	s := openStore(t, path)
	fill(t, s, 1, 160, 512<<10)
	fill(t, s, 161, 600, 1000)
	if _, wasteful := s.Wasteful(); wasteful {
		t.Error("a file that is full is called wasteful")
	}
	g := &Log{LogStore: s, Memory: new(fakeMemory), Fatal: func(err error) { t.Error(err) }, Watch: testWatch(t), Snapshot: noSnapshot, Configurations: NewConfigurations(nil)}
	if err := g.DeleteRange(1, 160); err != nil {
		t.Fatal(err)
	}
	before := fileSize(t, path)
	if need, wasteful := s.Wasteful(); !wasteful || need > 1<<20 || before < shrinkFrom {
		t.Fatalf("a file of %d bytes with %d of entries is not called wasteful", before, need)
	}
	var writing sync.WaitGroup
	writing.Go(func() { fill(t, s, 761, 2000, 500) })
	if err := s.Shrink(t.Context()); err != nil {
		t.Fatal(err)
	}
	writing.Wait()
	size := func(index uint64) int {
		if index > 760 {
			return 500
		}
		return 1000
	}
	check(t, s, 161, 2760, size)
	if after := fileSize(t, path); after > before/4 {
		t.Errorf("%d bytes became %d", before, after)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openBehind(t, path, 160)
	check(t, s, 161, 2760, size)
	if bytes, least := s.Bytes(), uint64(600*1000+2000*500); bytes < least || bytes > 2*least {
		t.Errorf("%d bytes of entries, there are %d of data", bytes, least)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// What changes under the copy makes it useless, and the log stays as it is; entries
// cut from its beginning do not.
func TestACopyOfALogThatChanges(t *testing.T) {
	for name, tc := range map[string]struct {
		change      func(s *boltStore) error
		first, last uint64
		moved       bool
	}{
		"the end is replaced": {func(s *boltStore) error {
			return errors.Join(s.DeleteRange(90, 100), s.StoreLog(entryOf(90, 10)))
		}, 1, 90, true},
		"the end is replaced by as much": {func(s *boltStore) error {
			return errors.Join(s.DeleteRange(100, 100), s.StoreLog(entryOf(100, 10)))
		}, 1, 100, true},
		"all is cut":           {func(s *boltStore) error { return errors.Join(s.DeleteRange(1, 100), s.StoreLog(entryOf(200, 10))) }, 200, 200, true},
		"the beginning is cut": {func(s *boltStore) error { return s.DeleteRange(1, 60) }, 61, 100, false},
		"entries come":         {func(s *boltStore) error { return s.StoreLog(entryOf(101, 10)) }, 1, 101, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "raft.db")
			s := openStore(t, path)
			fill(t, s, 1, 100, 10)
			fresh := openStore(t, path+newFile)
			first, next, tail, err := s.copyAll(t.Context(), fresh.bolt)
			if err != nil {
				t.Fatal(err)
			}
			if err := tc.change(s); err != nil {
				t.Fatal(err)
			}
			s.swap.Lock()
			err = s.adopt(fresh.bolt, first, next, tail)
			s.swap.Unlock()
			if errors.Is(err, errMoved) != tc.moved || err != nil && !tc.moved {
				t.Fatal(err)
			}
			check(t, s, tc.first, tc.last, func(uint64) int { return 10 })
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openBehind(t, path, tc.first-1)
			defer s.Close()
			check(t, s, tc.first, tc.last, func(uint64) int { return 10 })
		})
	}
}

func TestACopyThatIsGivenUpLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raft.db")
	s := openStore(t, path)
	defer s.Close()
	fill(t, s, 1, 100, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shrink(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + newFile); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	check(t, s, 1, 100, func(uint64) int { return 10 })
}

// What a crash left of a copy is removed, and is not taken for the log.
func TestALeftCopyIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raft.db")
	s := openStore(t, path)
	fill(t, s, 1, 3, 10)
	if err := errors.Join(s.Close(), os.WriteFile(path+newFile, []byte("half"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, path)
	defer s.Close()
	check(t, s, 1, 3, func(uint64) int { return 10 })
	if _, err := os.Stat(path + newFile); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// No piece that is cut makes a hole, wherever a crash stops it.
func TestTheLogIsCutInPieces(t *testing.T) {
	for name, tc := range map[string]struct {
		from, to uint64
		whole    func(cut [][2]uint64) bool // the rest is one piece after each
	}{
		"from the beginning": {1, 1000, func(cut [][2]uint64) bool {
			return slices.IsSortedFunc(cut, func(a, b [2]uint64) int { return int(a[0]) - int(b[0]) }) && cut[0][0] == 1
		}},
		"from the end": {100, 1200, func(cut [][2]uint64) bool {
			return slices.IsSortedFunc(cut, func(a, b [2]uint64) int { return int(b[0]) - int(a[0]) }) && cut[0][1] == 1200
		}},
		"one": {1200, 1200, func(cut [][2]uint64) bool { return len(cut) == 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			store := &cutStore{InmemStore: raft.NewInmemStore()}
			for i := range uint64(1200) {
				if err := store.StoreLog(entryOf(i+1, 1)); err != nil {
					t.Fatal(err)
				}
			}
			g := &Log{LogStore: store, Memory: new(fakeMemory), Fatal: func(err error) { t.Error(err) }, Watch: testWatch(t), Snapshot: noSnapshot, Configurations: NewConfigurations(nil)}
			if err := g.DeleteRange(tc.from, tc.to); err != nil {
				t.Fatal(err)
			}
			covered := uint64(0)
			for _, c := range store.cut {
				if n := c[1] - c[0] + 1; n > cutEntries {
					t.Errorf("%d entries at once", n)
				}
				covered += c[1] - c[0] + 1
			}
			if covered != tc.to-tc.from+1 || !tc.whole(store.cut) {
				t.Errorf("it was cut as %v", store.cut)
			}
		})
	}
}

// cutStore notes what is cut.
type cutStore struct {
	*raft.InmemStore
	cut [][2]uint64
}

func (s *cutStore) DeleteRange(first, last uint64) error {
	s.cut = append(s.cut, [2]uint64{first, last})
	return s.InmemStore.DeleteRange(first, last)
}

// Whatever is written and cut, the counts are those of what is there.
func TestSizesAreThoseOfTheEntries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s sizes
		there := map[uint64]uint64{}
		next := uint64(1)
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				for range rapid.IntRange(1, 10).Draw(t, "n") {
					size := rapid.IntRange(1, 1000).Draw(t, "size")
					s.note(next, size)
					there[next] = uint64(size)
					next++
				}
			case 2: // the beginning
				upTo := rapid.Uint64Range(0, next+2).Draw(t, "up to")
				s.cut(0, upTo)
				for i := range there {
					if i <= upTo {
						delete(there, i)
					}
				}
			case 3: // the end
				from := rapid.Uint64Range(1, next).Draw(t, "from")
				s.cut(from, next)
				for i := range there {
					if i >= from {
						delete(there, i)
					}
				}
				if len(there) > 0 {
					next = min(next, from)
				}
			}
			total, entries, room := uint64(0), uint64(0), rapid.Uint64Range(0, 5000).Draw(t, "room")
			rest, full := room, false
			for i := next; i > 0; i-- {
				size, is := there[i]
				total += size
				if !is || full {
					continue
				}
				if full = size > rest; !full {
					rest -= size
					entries++
				}
			}
			if s.bytes() != total {
				t.Fatalf("%d bytes, there are %d", s.bytes(), total)
			}
			if n := s.newest(room); n != entries {
				t.Fatalf("%d entries have %d bytes, want %d", n, room, entries)
			}
		}
	})
}

// testWatch is a watchdog that nobody sets going.
func testWatch(t testing.TB) *health.Watchdog {
	t.Helper()
	fit := health.NewFitness(slog.New(slog.DiscardHandler), time.Second)
	return health.NewWatchdog(time.Minute, health.NewRunClock(time.Second), fit, func(err error) { t.Error(err) })
}

// The file is mapped: a page that the disk does not give ends no process, and is the disk's error, not damage.
func TestAPageOfTheLogThatTheDiskDoesNotGive(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "raft.db")
	s := openStore(t, path)
	fill(t, s, 1, 4000, 1000)
	if err := os.Truncate(path, 64<<10); err != nil { // whoever reads behind its end gets what a bad sector gives
		t.Fatal(err)
	}
	unread := 0
	for index := uint64(1); index <= 4000; index++ {
		var l raft.Log
		err := s.GetLog(index, &l)
		if _, system := durable.Advice(err); err != nil && (!system || !errors.Is(err, syscall.EIO)) {
			t.Fatalf("entry %d: %v", index, err)
		}
		if err != nil {
			unread++
		}
	}
	if unread < 3000 {
		t.Errorf("%d entries cannot be read", unread)
	}
	if _, err := s.LastIndex(); err != nil && !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
