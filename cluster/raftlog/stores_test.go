package raftlog

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/hashicorp/raft"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/cluster/datadir"
)

// smallSegment is what a segment of a test has room for, so that there are many.
const smallSegment = 2048

// kinds are both stores, each with how it is opened.
var kinds = map[datadir.LogStore]func(path string, after uint64) (Store, error){
	datadir.Bolt: func(path string, after uint64) (Store, error) { return openBolt(path, after) },
	datadir.WAL:  func(path string, after uint64) (Store, error) { return openWAL(path, after, smallSegment) },
}

// eachStore runs f for both stores.
func eachStore(t *testing.T, f func(t *testing.T, open func(after uint64) Store)) {
	for kind, open := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), kind.Name())
			f(t, func(after uint64) Store {
				t.Helper()
				s, err := open(path, after)
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}

func mustClose(t *testing.T, s io.Closer) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func tenBytes(uint64) int { return 10 }

// What was written is there, as it was, also when the log is opened again, and what was
// cut from either end is not.
func TestStores(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(uint64) Store) {
		s := open(0)
		if first, err := s.FirstIndex(); first != 0 || err != nil {
			t.Errorf("an empty log begins with %d, %v", first, err)
		}
		fill(t, s, 1, 300, 10)
		check(t, s, 1, 300, tenBytes)
		for _, step := range []struct {
			name                 string
			from, to, first, end uint64
		}{
			{"the end", 290, 300, 1, 289},
			{"the beginning", 1, 120, 121, 289},
			{"beyond the end", 280, 400, 121, 279},
			{"what is gone already", 1, 130, 131, 279},
			{"nothing", 500, 600, 131, 279},
		} {
			if err := s.DeleteRange(step.from, step.to); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			check(t, s, step.first, step.end, tenBytes)
			for _, index := range []uint64{step.first - 1, step.end + 1} {
				if err := s.GetLog(index, new(raft.Log)); err != raft.ErrLogNotFound { //nolint:errorlint // raft compares like this
					t.Errorf("%s: entry %d, which is cut: %v", step.name, index, err)
				}
			}
			bytes := s.Bytes()
			mustClose(t, s)
			s = open(step.first - 1)
			check(t, s, step.first, step.end, tenBytes)
			if got := s.Bytes(); got > 2*bytes || bytes > 2*got {
				t.Errorf("%s: %d bytes are %d when it is opened again", step.name, bytes, got)
			}
		}
		fill(t, s, 280, 100, 10)
		check(t, s, 131, 379, tenBytes)
		if err := s.DeleteRange(131, 379); err != nil {
			t.Fatal(err)
		}
		check(t, s, 0, 0, nil)
		mustClose(t, s)
		s = open(379)
		check(t, s, 0, 0, nil)
		fill(t, s, 1000, 5, 10) // behind a snapshot
		mustClose(t, s)
		s = open(999)
		check(t, s, 1000, 1004, tenBytes)
		mustClose(t, s)
	})
}

// Entries as large as they may be, in groups as large as raft sends them, and none.
func TestLargeEntries(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(uint64) Store) {
		s := open(0)
		size := func(index uint64) int { return []int{0, 1, 512 << 10, 7}[index%4] }
		for next := uint64(1); next < 40; {
			var logs []*raft.Log
			for range 13 {
				logs = append(logs, entryOf(next, size(next)))
				next++
			}
			if err := s.StoreLogs(logs); err != nil {
				t.Fatal(err)
			}
		}
		check(t, s, 1, 39, size)
		mustClose(t, s)
		s = open(0)
		check(t, s, 1, 39, size)
		mustClose(t, s)
	})
}

// Whatever is written, cut and opened again, the log has what a list would.
func TestStoresAgainstAList(t *testing.T) {
	for kind, open := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			root, runs := t.TempDir(), 0
			rapid.Check(t, func(t *rapid.T) {
				runs++
				path := filepath.Join(root, strconv.Itoa(runs))
				s, err := open(path, 0)
				if err != nil {
					t.Fatal(err)
				}
				first, next := uint64(1), uint64(1) // entries from first up to next
				floor := uint64(0)                  // what was cut from the beginning
				for range rapid.IntRange(1, 8).Draw(t, "steps") {
					switch rapid.SampledFrom([]string{"write", "write", "cut the beginning", "cut the end", "open again"}).Draw(t, "step") {
					case "write":
						var logs []*raft.Log
						size := rapid.IntRange(0, 600).Draw(t, "size")
						for range rapid.IntRange(1, 12).Draw(t, "entries") {
							l := entryOf(next, size)
							logs = append(logs, l)
							next++
						}
						err = s.StoreLogs(logs)
					case "cut the beginning":
						to := rapid.Uint64Range(first-1, next-1).Draw(t, "to")
						err = s.DeleteRange(first, to)
						first = max(first, to+1)
						floor = first - 1
					case "cut the end":
						if first == next {
							continue
						}
						from := rapid.Uint64Range(first, next-1).Draw(t, "from")
						err = s.DeleteRange(from, next-1)
						next = from
					case "open again":
						if err = s.Close(); err == nil {
							s, err = open(path, floor)
						}
					}
					if err != nil {
						t.Fatal(err)
					}
					gotFirst, _ := s.FirstIndex()
					gotLast, _ := s.LastIndex()
					if first < next && (gotFirst != first || gotLast != next-1) || first == next && (gotFirst != 0 || gotLast != 0) {
						t.Fatalf("entries %d to %d, want %d to %d", gotFirst, gotLast, first, next-1)
					}
					for i := first; i < next; i++ {
						var l raft.Log
						if err := s.GetLog(i, &l); err != nil || l.Index != i || !slices.Equal(l.Data, entryOf(i, len(l.Data)).Data) {
							t.Fatalf("entry %d: %v", i, err)
						}
					}
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// A leader cuts the beginning of its log while it writes at the end, and others read.
func TestCutsWhileOthersWriteAndRead(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(uint64) Store) {
		s := open(0)
		fill(t, s, 1, 100, 200)
		var writing sync.WaitGroup
		writing.Go(func() { fill(t, s, 101, 900, 200) })
		writing.Go(func() {
			for i := uint64(1); i <= 1000; i++ {
				var l raft.Log
				if err := s.GetLog(i, &l); err != nil && !errors.Is(err, raft.ErrLogNotFound) || err == nil && l.Index != i {
					t.Errorf("entry %d is %d, %v", i, l.Index, err)
				}
			}
		})
		for to := uint64(5); to < 95; to += 5 {
			if err := s.DeleteRange(to-4, to); err != nil {
				t.Error(err)
			}
		}
		writing.Wait()
		check(t, s, 91, 1000, func(uint64) int { return 200 })
		mustClose(t, s)
		s = open(90)
		check(t, s, 91, 1000, func(uint64) int { return 200 })
		mustClose(t, s)
	})
}
