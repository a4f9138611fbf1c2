package raftlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/internal/durable"
)

// walStore is the log in a folder of segments, to whose last one entries are appended. A
// write is on disk after one sync. Entries that are cut make segments go that have none
// left; those of the first segment stay on disk until then.
//
// raft-wal has one writer: of two, one that waits for the next segment would not see that
// the other has filled that, too. So writing is held while entries are written or cut,
// which a leader may do at once.
type walStore struct {
	sizes   sizes
	wal     *wal.WAL
	failed  walFailure
	writing sync.Mutex
}

var (
	_ Store                  = (*walStore)(nil)
	_ raft.MonotonicLogStore = (*walStore)(nil)
)

// segmentBytes is how large a segment becomes, and what its file takes from the start. A
// new one costs five syncs, and as much at most stays on disk unused.
const segmentBytes = 16 << 20

// openWAL opens a log in a folder after it has looked through it. raft-wal cannot have
// holes: where a snapshot, which ends with the entry after, leapt over entries at the end
// of the log, a crash may have kept raft from emptying it, and so it is emptied here.
func openWAL(dir string, after uint64, size int) (*walStore, error) {
	there, err := durable.Exists(dir)
	if err != nil {
		return nil, err
	}
	s := &walStore{}
	files := fs.New()
	meta := &walMeta{dir: dir, files: files, failed: &s.failed}
	first, last := uint64(0), uint64(0)
	if there {
		if first, last, err = s.inspect(dir, after, meta); err != nil {
			return nil, datadir.Damaged(dir, err)
		}
	} else if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s.wal, err = wal.Open(dir, wal.WithMetaStore(meta), wal.WithSegmentSize(size),
		wal.WithSegmentFiler(walFiler{segment.NewFiler(dir, walFiles{files}), &s.failed}), wal.WithLogger(hclog.NewNullLogger()))
	if err != nil {
		return nil, datadir.Damaged(dir, err)
	}
	if err := s.agree(first, last, after); err != nil {
		return nil, errors.Join(datadir.Damaged(dir, err), s.Close())
	}
	return s, nil
}

// agree makes sure that raft-wal has found what is there, and drops what a snapshot leapt
// over.
func (s *walStore) agree(first, last, after uint64) error {
	gotFirst, err := s.wal.FirstIndex()
	if err != nil {
		return err
	}
	gotLast, err := s.wal.LastIndex()
	if err != nil {
		return err
	}
	if gotFirst != first || gotLast != last {
		return fmt.Errorf("it has entries %d to %d, and raft-wal finds %d to %d", first, last, gotFirst, gotLast)
	}
	if last == 0 || last >= after {
		return nil
	}
	return s.DeleteRange(first, last)
}

// inspect reads all segments, and tells which entries there are. It drops a last write
// that was never acknowledged, and completes what a crash interrupted between the last
// write of a segment and the next one.
func (s *walStore) inspect(dir string, after uint64, meta *walMeta) (first, last uint64, err error) {
	state, err := meta.Load(dir)
	if err == nil && len(state.Segments) == 0 {
		err = errors.New("it is missing, or names no segments")
	}
	if err != nil {
		return 0, 0, datadir.Damaged(filepath.Join(dir, metaFile), err)
	}
	for i, info := range state.Segments {
		tail := i == len(state.Segments)-1
		path := filepath.Join(dir, segment.FileName(info))
		file, err := readTail(path, tail)
		if err == nil {
			err = file.fits(info)
		}
		if err == nil && (tail != info.SealTime.IsZero() || info.ID >= state.NextSegmentID || i > 0 && (info.BaseIndex != last+1 || info.MinIndex != info.BaseIndex)) {
			err = errors.New("it does not follow the one before")
		}
		if err != nil {
			return 0, 0, datadir.Damaged(path, err)
		}
		end := info.MaxIndex
		if tail {
			end = info.BaseIndex + uint64(len(file.sizes)) - 1
		}
		for index := info.MinIndex; index <= end; index++ {
			s.sizes.note(index, frameHead+file.sizes[index-info.BaseIndex])
			if first == 0 {
				first = index
			}
		}
		last = max(end, last)
		if tail && file.index > 0 {
			if err := meta.CommitState(rotated(state, uint64(file.index), end)); err != nil {
				return 0, 0, err
			}
		}
	}
	if first == 0 {
		return 0, 0, nil
	}
	if last > after && first > after+1 {
		return 0, 0, fmt.Errorf("it begins with entry %d, and the snapshot ends with %d", first, after)
	}
	return first, last, nil
}

// readTail reads a segment. Where its last write was cut short, which only that of the
// last segment can be, it is cut off: raft-wal relies on zeros behind its writes.
func readTail(path string, tail bool) (segmentFile, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return segmentFile{}, err
	}
	s, err := readSegment(b)
	if tail && errors.Is(err, errTorn) {
		return s, cutFile(path, int64(s.end))
	}
	return s, err
}

func cutFile(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync(), f.Close())
}

// rotated is the list once the last segment, which is full, has a successor. raft-wal
// makes it in the background, and where it is kept from that it never writes again.
func rotated(state types.PersistentState, index, last uint64) types.PersistentState {
	now := time.Now()
	full := &state.Segments[len(state.Segments)-1]
	full.SealTime, full.MaxIndex, full.IndexStart = now, last, index
	state.Segments = append(state.Segments, types.SegmentInfo{
		ID: state.NextSegmentID, BaseIndex: last + 1, MinIndex: last + 1, SizeLimit: full.SizeLimit, Codec: full.Codec, CreateTime: now,
	})
	state.NextSegmentID++
	return state
}

// IsMonotonic implements raft.MonotonicLogStore: entries follow each other without a hole.
func (*walStore) IsMonotonic() bool { return true }

// Bytes implements Store.
func (s *walStore) Bytes() uint64 { return s.sizes.bytes() }

// Newest implements Store.
func (s *walStore) Newest(bytes uint64) (entries uint64) { return s.sizes.newest(bytes) }

// FirstIndex implements raft.LogStore.
func (s *walStore) FirstIndex() (uint64, error) { return s.wal.FirstIndex() }

// LastIndex implements raft.LogStore.
func (s *walStore) LastIndex() (uint64, error) { return s.wal.LastIndex() }

// GetLog implements raft.LogStore. raft-wal goes on to know the entries that were cut from
// the segment that it writes, and panics on some that are not what was written.
func (s *walStore) GetLog(index uint64, l *raft.Log) error {
	first, err := s.wal.FirstIndex()
	if err != nil {
		return err
	}
	if index < first {
		return raft.ErrLogNotFound
	}
	return Guard(func() error { return s.wal.GetLog(index, l) })
}

// StoreLog implements raft.LogStore.
func (s *walStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore.
func (s *walStore) StoreLogs(logs []*raft.Log) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.failed.get(); err != nil {
		return err
	}
	if err := s.wal.StoreLogs(logs); err != nil {
		return errors.Join(s.failed.get(), err)
	}
	for _, l := range logs {
		s.sizes.note(l.Index, len(l.Data)+len(l.Extensions)+walOverhead)
	}
	return nil
}

// walOverhead is about what an entry takes in a segment besides its data: two frames, and
// some numbers.
const walOverhead = 40

// DeleteRange implements raft.LogStore. The list of segments says in one write what is
// cut; the files go afterwards, and where a crash comes between, when the log is opened.
func (s *walStore) DeleteRange(from, to uint64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.failed.get(); err != nil {
		return err
	}
	if err := s.wal.DeleteRange(from, to); err != nil {
		return err
	}
	s.sizes.cut(from, to)
	return nil
}

// Wasteful implements Store: segments without entries are gone.
func (*walStore) Wasteful() (need uint64, wasteful bool) { return 0, false }

// Shrink implements Store.
func (*walStore) Shrink(context.Context) error { return nil }

// Close closes the files.
func (s *walStore) Close() error { return s.wal.Close() }
