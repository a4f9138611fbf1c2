package raftlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/types"

	"github.com/bpsc/bpsc/cluster/datadir"
)

// What raft-boltdb, bbolt and raft-wal do wrong (cluster/DESIGN.md) is shown here on them
// alone, and then with what is around them. See upstream_test.go in cluster.

// shown ends a test of a defect: whether it showed without its defence, and with it.
func shown(t *testing.T, without, with bool, defence string) {
	t.Helper()
	if !without {
		t.Errorf("the defect is gone from the library: %s can go, and this test", defence)
	}
	if with {
		t.Errorf("the defect shows in spite of %s", defence)
	}
}

// bareBolt opens a log with raft-boltdb alone.
func bareBolt(t *testing.T, path string) *raftboltdb.BoltStore {
	t.Helper()
	s, err := raftboltdb.New(raftboltdb.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bareWAL opens a log with raft-wal alone.
func bareWAL(t *testing.T, dir string, lists ...types.MetaStore) *wal.WAL {
	t.Helper()
	meta := types.MetaStore(&metadb.BoltMetaDB{})
	for _, m := range lists {
		meta = m
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w, err := wal.Open(dir, wal.WithSegmentSize(smallSegment), wal.WithMetaStore(meta), wal.WithLogger(hclog.NewNullLogger()))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// each appends entries of 200 bytes, each with a write of its own.
func each(t *testing.T, s raft.LogStore, from, to uint64) {
	t.Helper()
	for i := from; i <= to; i++ {
		if err := s.StoreLog(entryOf(i, 200)); err != nil {
			t.Fatal(err)
		}
	}
}

// spoil changes a file.
func spoil(t *testing.T, path string, change func(b []byte) []byte) {
	t.Helper()
	mustWrite(t, path, change(mustRead(t, path)))
}

// flipEntry flips a bit in what entry i, as each writes it, has in a file.
func flipEntry(i uint64) func([]byte) []byte {
	data := bytes.Repeat([]byte{byte(i)}, 200)
	other := bytes.Clone(data)
	other[100] ^= 1
	return func(b []byte) []byte { return bytes.ReplaceAll(b, data, other) }
}

func lastOf(t *testing.T, s raft.LogStore) uint64 {
	t.Helper()
	last, err := s.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// Neither raft nor bbolt has a checksum on an entry: one with a flipped bit is applied as it
// stands.
func TestUpstreamFlippedBitInBolt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raft.db")
	s := bareBolt(t, path)
	each(t, s, 1, 10)
	mustClose(t, s)
	spoil(t, path, flipEntry(5))
	s = bareBolt(t, path)
	var l raft.Log
	err := s.GetLog(5, &l)
	bare := err == nil && !bytes.Equal(l.Data, entryOf(5, 200).Data)
	mustClose(t, s)

	path = filepath.Join(t.TempDir(), "raft.db")
	ours := openStore(t, path)
	died := 0
	log := func(s raft.LogStore) *Log {
		return &Log{LogStore: s, Memory: new(fakeMemory), Fatal: func(error) { died++ }, Watch: testWatch(t), Snapshot: noSnapshot, Configurations: NewConfigurations(nil)}
	}
	each(t, log(ours), 1, 10)
	mustClose(t, ours)
	spoil(t, path, flipEntry(5))
	ours, err = openBolt(path, 0)
	if err == nil {
		err = log(ours).GetLog(5, &l)
		mustClose(t, ours)
	}
	shown(t, bare, err == nil, "raftlog.Log's seals")
}

// bbolt has two meta pages, written in turn. Where one is damaged it goes by the other, and
// the last write is gone.
func TestUpstreamOlderMeta(t *testing.T) {
	damage := func(b []byte) []byte {
		const txid, sum = pageHead + 48, pageHead + metaSumOffset
		newer := 0
		if page := os.Getpagesize(); binary.NativeEndian.Uint64(b[page+txid:]) > binary.NativeEndian.Uint64(b[txid:]) {
			newer = page
		}
		b[newer+sum] ^= 1
		return b
	}
	path := filepath.Join(t.TempDir(), "raft.db")
	s := bareBolt(t, path)
	each(t, s, 1, 10)
	mustClose(t, s)
	spoil(t, path, damage)
	s = bareBolt(t, path)
	bare := lastOf(t, s) < 10
	mustClose(t, s)

	path = filepath.Join(t.TempDir(), "raft.db")
	ours := openStore(t, path)
	each(t, ours, 1, 10)
	mustClose(t, ours)
	spoil(t, path, damage)
	_, err := openBolt(path, 0)
	shown(t, bare, !errors.Is(err, datadir.ErrDamaged), "boltFile.checkMeta")
}

// bbolt panics over pages that are none: here where they are read. As our files are opened it
// would do so in a goroutine of its own, where nobody can catch it.
func TestUpstreamPanicOfBolt(t *testing.T) {
	damage := func(b []byte) []byte { // the kind of each page of entries
		for page := 2 * os.Getpagesize(); page+pageHead < len(b); page += os.Getpagesize() {
			if binary.NativeEndian.Uint16(b[page+8:]) == leafPage {
				binary.NativeEndian.PutUint16(b[page+8:], 0x7f7f)
			}
		}
		return b
	}
	panics := func(open func() error) (panicked bool) {
		defer func() { panicked = recover() != nil }()
		if open() == nil {
			t.Error("it is opened")
		}
		return false
	}
	path := filepath.Join(t.TempDir(), "raft.db")
	s := bareBolt(t, path)
	each(t, s, 1, 10)
	mustClose(t, s)
	spoil(t, path, damage)
	without := panics(func() error {
		s, err := raftboltdb.New(raftboltdb.Options{Path: path})
		if err == nil {
			_, err = s.LastIndex()
		}
		return err
	})

	path = filepath.Join(t.TempDir(), "raft.db")
	ours := openStore(t, path)
	each(t, ours, 1, 10)
	mustClose(t, ours)
	spoil(t, path, damage)
	with := panics(func() error { _, err := openBolt(path, 0); return err })
	shown(t, without, with, "Guard")
}

// A file of bbolt stays as large as it ever was. What is done about it: TestALargeFileBecomesSmall.
func TestUpstreamFileThatStaysLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raft.db")
	s := bareBolt(t, path)
	for i := range uint64(100) {
		if err := s.StoreLog(entryOf(i+1, 20_000)); err != nil {
			t.Fatal(err)
		}
	}
	large := fileSize(t, path)
	if err := s.DeleteRange(1, 99); err != nil {
		t.Fatal(err)
	}
	each(t, s, 101, 110)
	mustClose(t, s)
	shown(t, fileSize(t, path) >= large && large > 1<<20, false, "boltStore.Shrink")
}

// raft-wal looks at its last write alone: a bit that flipped before that is read as it stands,
// or ends the log there.
func TestUpstreamFlippedBitInAWAL(t *testing.T) {
	dir := filepath.Join(t.TempDir(), datadir.WALDir)
	w := bareWAL(t, dir)
	each(t, w, 1, 3)
	mustClose(t, w)
	spoil(t, segmentsOf(t, dir)[0], flipEntry(2))
	w = bareWAL(t, dir)
	var l raft.Log
	err := w.GetLog(2, &l)
	bare := lastOf(t, w) < 3 || err == nil && !bytes.Equal(l.Data, entryOf(2, 200).Data)
	mustClose(t, w)

	dir = written(t, 3)
	spoil(t, segmentsOf(t, dir)[0], flipEntry(2))
	_, err = openWAL(dir, 0, smallSegment)
	shown(t, bare, !errors.Is(err, datadir.ErrDamaged), "readSegment")
}

// raft-wal makes the last segment anew where its file is missing: what was in it is gone.
func TestUpstreamMissingSegment(t *testing.T) {
	lose := func(dir string) {
		list := segmentsOf(t, dir)
		if len(list) < 3 {
			t.Fatalf("%d segments", len(list))
		}
		if err := os.Remove(list[len(list)-1]); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), datadir.WALDir)
	w := bareWAL(t, dir)
	each(t, w, 1, 30)
	mustClose(t, w)
	lose(dir)
	w = bareWAL(t, dir)
	bare := lastOf(t, w) < 30
	mustClose(t, w)

	dir = written(t, 30)
	lose(dir)
	_, err := openWAL(dir, 0, smallSegment)
	shown(t, bare, err == nil, "walMeta.make")
}

// mortalMeta is a list of segments whose process dies before it names a second one.
type mortalMeta struct{ metadb.BoltMetaDB }

func (m *mortalMeta) CommitState(state types.PersistentState) error {
	if len(state.Segments) > 1 {
		return errors.New("killed")
	}
	return m.BoltMetaDB.CommitState(state)
}

// raft-wal fills a segment and makes the next one in the background. Where it dies between the
// two, it does not write again, at this start and at any. With it: TestACrashBeforeTheNextSegment.
func TestUpstreamCrashBeforeTheNextSegment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), datadir.WALDir)
	w := bareWAL(t, dir, &mortalMeta{})
	next := uint64(1)
	for ; next < 100; next++ {
		if w.StoreLog(entryOf(next, 200)) != nil {
			break
		}
	}
	if next == 100 {
		t.Fatal("no segment is full")
	}
	_ = w.Close() // of a process that is dead
	never := true
	for range 3 {
		w := bareWAL(t, dir)
		if lastOf(t, w) != next-1 {
			t.Fatalf("it ends with %d, and %d were written", lastOf(t, w), next-1)
		}
		never = never && w.StoreLog(entryOf(next, 200)) != nil
		mustClose(t, w)
	}
	shown(t, never, false, "rotated")
}

// What raft-wal cannot do in the background it only logs: whoever writes next is told that a
// segment is sealed, and not that its folder is gone. With it: TestWhatFailsBetweenWrites.
func TestUpstreamCauseThatIsOnlyLogged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), datadir.WALDir)
	w := bareWAL(t, dir)
	defer w.Close()
	each(t, w, 1, 1)
	if err := os.Rename(dir, dir+".gone"); err != nil {
		t.Fatal(err)
	}
	var err error
	for next := uint64(2); err == nil && next < 100; next++ {
		err = w.StoreLog(entryOf(next, 200))
	}
	shown(t, err != nil && !errors.Is(err, os.ErrNotExist), false, "walFailure")
}

// A log without holes that a snapshot leapt over, where a crash came before raft emptied it,
// takes no entry any more, at this start and at any.
func TestUpstreamHoleBehindASnapshot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), datadir.WALDir)
	w := bareWAL(t, dir)
	each(t, w, 1, 10)
	mustClose(t, w)
	never := true
	for range 2 {
		w = bareWAL(t, dir)
		never = never && w.StoreLog(entryOf(41, 200)) != nil
		mustClose(t, w)
	}
	ours, err := openWAL(written(t, 10), 40, smallSegment)
	if err != nil {
		t.Fatal(err)
	}
	err = ours.StoreLog(entryOf(41, 200))
	mustClose(t, ours)
	shown(t, never, err != nil, "walStore.agree")
}
