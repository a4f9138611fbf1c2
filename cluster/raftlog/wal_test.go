package raftlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/internal/durable"
)

func openSegments(t *testing.T, dir string) *walStore {
	t.Helper()
	s, err := openWAL(dir, 0, smallSegment)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// segmentsOf are the files of a log, the first one first.
func segmentsOf(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%v, %v", names, err)
	}
	slices.Sort(names)
	return names
}

func listOf(t *testing.T, dir string) (state types.PersistentState) {
	t.Helper()
	if err := durable.ReadSealed(filepath.Join(dir, metaFile), &state); err != nil {
		t.Fatal(err)
	}
	return state
}

// written is a log with entries in several segments, not full, of which each was a write.
func written(t *testing.T, entries uint64) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), datadir.WALDir)
	s := openSegments(t, dir)
	for i := range entries {
		if err := s.StoreLog(entryOf(i+1, 200)); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, s)
	return dir
}

// tail is the segment that is written, and where in it the last write begins and ends.
func tail(t *testing.T, dir string) (path string, b []byte, begin, end int) {
	t.Helper()
	list := segmentsOf(t, dir)
	path = list[len(list)-1]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := readSegment(b)
	if err != nil || len(s.sizes) < 2 {
		t.Fatalf("%d entries in the last segment, %v", len(s.sizes), err)
	}
	last := frameHead + padded(s.sizes[len(s.sizes)-1]) + frameHead
	return path, b, s.end - last, s.end
}

// A write that was cut short was never acknowledged, and is gone when the log is opened
// again, whichever of its sectors are there.
func TestATornWriteIsDropped(t *testing.T) {
	t.Run("at its end", func(t *testing.T) {
		dir := written(t, 11)
		path, sound, begin, end := tail(t, dir)
		for to := begin + 1; to < end-frameHead; to += 7 {
			b := slices.Clone(sound)
			clear(b[to:])
			if bytes.Equal(b, sound) {
				continue
			}
			mustWrite(t, path, b)
			s := openSegments(t, dir)
			check(t, s, 1, 10, func(uint64) int { return 200 })
			if err := s.StoreLog(entryOf(11, 200)); err != nil {
				t.Fatal(err)
			}
			mustClose(t, s)
			s = openSegments(t, dir)
			check(t, s, 1, 11, func(uint64) int { return 200 })
			mustClose(t, s)
		}
	})
	t.Run("in any order", func(t *testing.T) {
		root, runs := t.TempDir(), 0
		rapid.Check(t, func(rt *rapid.T) {
			runs++
			dir := filepath.Join(root, strings.Repeat("x", runs%200+1), datadir.WALDir)
			if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
				rt.Fatal(err)
			}
			s, err := openWAL(dir, 0, 1<<20)
			if err != nil {
				rt.Fatal(err)
			}
			before := rapid.IntRange(0, 3).Draw(rt, "writes before")
			for i := range before {
				if err := s.StoreLog(entryOf(uint64(i+1), 100)); err != nil {
					rt.Fatal(err)
				}
			}
			path := segmentsOf(t, dir)[0]
			old, err := os.ReadFile(path)
			if err != nil {
				rt.Fatal(err)
			}
			var logs []*raft.Log
			for i := range rapid.IntRange(1, 5).Draw(rt, "entries") {
				logs = append(logs, entryOf(uint64(before+i+1), rapid.IntRange(1, 2000).Draw(rt, "size")))
			}
			if err := errors.Join(s.StoreLogs(logs), s.Close()); err != nil {
				rt.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				rt.Fatal(err)
			}
			lost := false
			for at := 0; at < len(b); at += sector {
				to := min(at+sector, len(b))
				if !bytes.Equal(b[at:to], old[at:to]) && rapid.Bool().Draw(rt, "lost") {
					copy(b[at:to], old[at:to])
					lost = true
				}
			}
			if !lost {
				return
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				rt.Fatal(err)
			}
			if s, err = openWAL(dir, 0, 1<<20); err != nil {
				rt.Fatal(err)
			}
			if last, err := s.LastIndex(); last != uint64(before) || err != nil {
				rt.Fatalf("it ends with %d, %v, and %d were acknowledged", last, err, before)
			}
			if err := s.Close(); err != nil {
				rt.Fatal(err)
			}
		})
	})
}

func mustWrite(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whichever bit of a log flips, in the first segment or the last, in the first write or
// the last, it is not opened: no acknowledged entry is dropped in silence. raft-wal by
// itself opens most of them, and ends earlier.
func TestAFlippedBitIsFatal(t *testing.T) {
	dir := written(t, 30)
	list := segmentsOf(t, dir)
	if len(list) < 3 {
		t.Fatalf("%d segments", len(list))
	}
	shorter := 0
	for _, path := range []string{list[0], list[len(list)-1], filepath.Join(dir, metaFile)} {
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		inUse := len(bytes.TrimRight(sound, "\x00"))
		for at := range inUse {
			if at > 64 && at < inUse-64 && at%17 > 0 {
				continue
			}
			b := slices.Clone(sound)
			b[at] ^= 1 << (at % 8)
			mustWrite(t, path, b)
			s, err := openWAL(dir, 0, smallSegment)
			if err == nil {
				last, _ := s.LastIndex()
				mustClose(t, s)
				t.Fatalf("%s, byte %d of %d: it is opened, and ends with entry %d", filepath.Base(path), at, inUse, last)
			}
			if !errors.Is(err, datadir.ErrDamaged) || !strings.Contains(err.Error(), filepath.Base(path)) {
				t.Fatalf("byte %d: %v", at, err)
			}
			if at%64 == 0 && strings.HasSuffix(path, ".wal") && raftWALEnds(t, dir) < 30 {
				shorter++
			}
		}
		mustWrite(t, path, sound)
	}
	if shorter == 0 {
		t.Error("raft-wal sees all of it by now")
	}
	mustClose(t, openSegments(t, dir))
}

// raftWALEnds is where a log ends that raft-wal opens by itself: 0 where it does not.
func raftWALEnds(t *testing.T, dir string) uint64 {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	w, err := wal.Open(copied, wal.WithMetaStore(&walMeta{dir: copied, files: fs.New(), failed: &walFailure{}}))
	if err != nil {
		return 30
	}
	last, err := w.LastIndex()
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return last
}

// A file that is missing, or is another one, is not taken for one that was never written.
func TestMissingSegments(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string) error{
		"the first segment":   func(t *testing.T, dir string) error { return os.Remove(segmentsOf(t, dir)[0]) },
		"the last segment":    func(t *testing.T, dir string) error { l := segmentsOf(t, dir); return os.Remove(l[len(l)-1]) },
		"the list":            func(_ *testing.T, dir string) error { return os.Remove(filepath.Join(dir, metaFile)) },
		"all":                 func(_ *testing.T, dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)) },
		"a segment's content": func(t *testing.T, dir string) error { return os.Truncate(segmentsOf(t, dir)[1], 0) },
		"half of a segment":   func(t *testing.T, dir string) error { return os.Truncate(segmentsOf(t, dir)[0], 700) },
		"its place, by another": func(t *testing.T, dir string) error {
			l := segmentsOf(t, dir)
			return os.Rename(l[0], l[1])
		},
		"the newest list": func(t *testing.T, dir string) error { // an older one
			state := listOf(t, dir)
			state.Segments = state.Segments[:1]
			state.Segments[0].SealTime, state.Segments[0].MaxIndex, state.Segments[0].IndexStart = types.SegmentInfo{}.SealTime, 0, 0
			state.NextSegmentID = 0
			return durable.WriteSealed(filepath.Join(dir, metaFile), state)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, 30)
			if err := spoil(t, dir); err != nil {
				t.Fatal(err)
			}
			if _, err := openWAL(dir, 0, smallSegment); !errors.Is(err, datadir.ErrDamaged) && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// raft-wal fills a segment and then makes the next one in the background. Where a crash,
// or a stop, comes between, it would never write again.
func TestACrashBeforeTheNextSegment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), datadir.WALDir)
	s := openSegments(t, dir)
	next := uint64(1)
	for ; len(listOf(t, dir).Segments) == 1; next++ { // until the first one is full
		before := slices.Clone(mustRead(t, filepath.Join(dir, metaFile)))
		if err := s.StoreLog(entryOf(next, 300)); err != nil {
			t.Fatal(err)
		}
		mustClose(t, s)
		file, err := readSegment(mustRead(t, segmentsOf(t, dir)[0]))
		if err != nil {
			t.Fatal(err)
		}
		if file.index > 0 { // full: as if nothing had been done about it
			mustWrite(t, filepath.Join(dir, metaFile), before)
			if list := segmentsOf(t, dir); len(list) > 1 {
				if err := os.Remove(list[1]); err != nil {
					t.Fatal(err)
				}
			}
		}
		s = openSegments(t, dir)
	}
	check(t, s, 1, next-1, func(uint64) int { return 300 })
	fill(t, s, next, 50, 300)
	mustClose(t, s)
	s = openSegments(t, dir)
	check(t, s, 1, next+49, func(uint64) int { return 300 })
	mustClose(t, s)
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What raft-wal cannot do between two writes, and only logs, ends the next write.
func TestWhatFailsBetweenWrites(t *testing.T) {
	dir := filepath.Join(t.TempDir(), datadir.WALDir)
	s := openSegments(t, dir)
	defer s.Close()
	if err := os.Rename(dir, dir+".gone"); err != nil {
		t.Fatal(err)
	}
	var err error
	for next := uint64(1); err == nil && next < 50; next++ {
		err = s.StoreLog(entryOf(next, 300))
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if again := s.DeleteRange(1, 1); !errors.Is(again, os.ErrNotExist) {
		t.Errorf("got %v", again)
	}
}

func FuzzReadSegment(f *testing.F) {
	dir := f.TempDir()
	s, err := openWAL(filepath.Join(dir, "log"), 0, 512)
	if err != nil {
		f.Fatal(err)
	}
	for i := range uint64(3) {
		if err := s.StoreLog(entryOf(i+1, 50)); err != nil {
			f.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "log", segment.FileName(types.SegmentInfo{BaseIndex: 1})))
	if err := errors.Join(err, s.Close()); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add(binary.LittleEndian.AppendUint32(nil, segmentMagic))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := readSegment(in)
		if s.end > len(in) || err == nil && len(bytes.TrimRight(in[s.end:], "\x00")) > 0 {
			t.Errorf("it ends at %d of %d, %v", s.end, len(in), err)
		}
	})
}
