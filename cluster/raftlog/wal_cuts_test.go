package raftlog

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/internal/durable"
)

// What a crash leaves of entries that were cut, from either end, is not there again: the
// list of segments is the switch, and the files go later.
func TestCutsSurviveACrash(t *testing.T) {
	for name, cut := range map[string][2]uint64{"the end": {20, 30}, "the beginning": {1, 20}, "within the last segment": {29, 30}, "all": {1, 30}} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, 30)
			old := filepath.Join(t.TempDir(), "old")
			if err := os.CopyFS(old, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			first, last := uint64(1), cut[0]-1
			if cut[0] == 1 {
				first, last = cut[1]+1, 30
			}
			if last < first {
				first, last = 0, 0
			}
			s := openSegments(t, dir)
			if err := s.DeleteRange(cut[0], cut[1]); err != nil {
				t.Fatal(err)
			}
			mustClose(t, s)
			for _, path := range segmentsOf(t, old) { // as if none had been removed
				to := filepath.Join(dir, filepath.Base(path))
				if there, err := durable.Exists(to); err != nil {
					t.Fatal(err)
				} else if !there {
					mustWrite(t, to, mustRead(t, path))
				}
			}
			after := uint64(0)
			if cut[0] == 1 {
				after = cut[1]
			}
			for range 2 {
				s, err := openWAL(dir, after, smallSegment)
				if err != nil {
					t.Fatal(err)
				}
				check(t, s, first, last, func(uint64) int { return 200 })
				mustClose(t, s)
			}
			if n, listed := len(segmentsOf(t, dir)), len(listOf(t, dir).Segments); n != listed {
				t.Errorf("%d files, and %d segments", n, listed)
			}
			s, err := openWAL(dir, after, smallSegment)
			if err != nil {
				t.Fatal(err)
			}
			next := last + 1
			if last == 0 {
				next = 31
			}
			other := entryOf(next, 200)
			other.Term = 2
			if err := s.StoreLog(other); err != nil {
				t.Fatal(err)
			}
			mustClose(t, s)
			if s, err = openWAL(dir, after, smallSegment); err != nil {
				t.Fatal(err)
			}
			var l raft.Log
			if err := s.GetLog(next, &l); err != nil || l.Term != 2 {
				t.Errorf("entry %d of term %d, %v", next, l.Term, err)
			}
			mustClose(t, s)
		})
	}
}

// Segments without entries give their room back, and the rest of the log stays small.
func TestSegmentsGo(t *testing.T) {
	dir := written(t, 200)
	before := len(segmentsOf(t, dir))
	s := openSegments(t, dir)
	defer mustClose(t, s)
	if err := s.DeleteRange(1, 195); err != nil {
		t.Fatal(err)
	}
	if _, wasteful := s.Wasteful(); wasteful || s.Shrink(t.Context()) != nil {
		t.Error("it is to be written anew")
	}
	if after := len(segmentsOf(t, dir)); after > 3 || before < 10 {
		t.Errorf("%d segments became %d", before, after)
	}
	if got := s.Bytes(); got > 5*2*(200+walOverhead) {
		t.Errorf("%d bytes of 5 entries", got)
	}
}

// A log that ends before the newest snapshot, for a crash kept raft from emptying it, is
// emptied: else the next entry would leave a hole.
func TestALogThatASnapshotLeaptOver(t *testing.T) {
	dir := written(t, 10)
	s, err := openWAL(dir, 40, smallSegment)
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, 0, 0, nil)
	fill(t, s, 41, 3, 10)
	mustClose(t, s)
	if s, err = openWAL(dir, 40, smallSegment); err != nil {
		t.Fatal(err)
	}
	check(t, s, 41, 43, tenBytes)
	mustClose(t, s)
	if _, err := openWAL(dir, 39, smallSegment); !errors.Is(err, datadir.ErrDamaged) {
		t.Errorf("a hole behind the snapshot: %v", err)
	}
}

// raft empties a log that can have no holes when a snapshot has come. What the log has
// behind the snapshot stays if it agrees with it, for it may have been acknowledged.
func TestEntriesBehindASnapshotStay(t *testing.T) {
	for name, tc := range map[string]struct {
		index, term, first, last uint64
	}{
		"the snapshot is within the log": {20, 1, 20, 30},
		"at its beginning":               {1, 1, 1, 30},
		"another history":                {20, 7, 0, 0},
		"the snapshot is behind the log": {40, 1, 0, 0},
		"at its end":                     {30, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := openSegments(t, filepath.Join(t.TempDir(), datadir.WALDir))
			defer mustClose(t, s)
			g := &Log{LogStore: s, Memory: new(fakeMemory), Watch: testWatch(t), Configurations: NewConfigurations(nil),
				Fatal:    func(err error) { t.Error(err) },
				Snapshot: func() (uint64, uint64) { return tc.index, tc.term }}
			for i := range uint64(30) {
				if err := g.StoreLog(entryOf(i+1, 10)); err != nil {
					t.Fatal(err)
				}
			}
			if err := g.DeleteRange(1, 30); err != nil {
				t.Fatal(err)
			}
			first, _ := s.FirstIndex()
			if last, _ := s.LastIndex(); first != tc.first || last != tc.last {
				t.Errorf("entries %d to %d are left", first, last)
			}
		})
	}
}

// The same snapshot may come again, where the answer to the first was lost, when there are
// entries behind it already.
func TestASnapshotThatComesAgainTakesNothing(t *testing.T) {
	s := openSegments(t, filepath.Join(t.TempDir(), datadir.WALDir))
	defer mustClose(t, s)
	final := fakeMemory(25)
	g := &Log{LogStore: s, Memory: &final, Watch: testWatch(t), Configurations: NewConfigurations(nil),
		Fatal:    func(err error) { t.Error(err) },
		Snapshot: func() (uint64, uint64) { return 20, 1 }}
	for i := range uint64(10) {
		if err := g.StoreLog(entryOf(21+i, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.DeleteRange(21, 30); err != nil {
		t.Fatal(err)
	}
	first, _ := s.FirstIndex()
	if last, _ := s.LastIndex(); first != 21 || last != 30 {
		t.Errorf("entries %d to %d are left", first, last)
	}
}
