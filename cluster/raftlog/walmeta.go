package raftlog

import (
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"

	"github.com/bpsc/bpsc/internal/durable"
)

// walMeta is raft-wal's list of segments: which files are the log, and which entries in
// them. raft-wal would keep it in a file of bbolt, which has no checksums. Here it is a
// sealed file, replaced as a whole, and names no file that is not there.
type walMeta struct {
	dir    string
	files  *fs.FS
	failed *walFailure
}

// metaFile is its name in the folder of the segments.
const metaFile = "segments.json"

// Load implements types.MetaStore.
func (m *walMeta) Load(string) (state types.PersistentState, err error) {
	err = durable.ReadSealed(filepath.Join(m.dir, metaFile), &state)
	if errors.Is(err, os.ErrNotExist) { // the first time
		return types.PersistentState{}, nil
	}
	return state, err
}

// CommitState implements types.MetaStore. raft-wal makes the file of a new segment after
// the list has it, and takes one that is missing for one that a crash kept it from
// making: then all that was in it would be gone without a word. So it is made before.
func (m *walMeta) CommitState(state types.PersistentState) error {
	return m.failed.note(m.commit(state))
}

func (m *walMeta) commit(state types.PersistentState) error {
	if n := len(state.Segments); n > 0 && state.Segments[n-1].SealTime.IsZero() {
		if err := m.make(state.Segments[n-1]); err != nil {
			return err
		}
	}
	return durable.WriteSealed(filepath.Join(m.dir, metaFile), state)
}

// make makes a segment's file, empty, where there is none. What a crash has left under
// that name was never in the list, and nothing was written to it.
func (m *walMeta) make(info types.SegmentInfo) error {
	f, err := walFiles{m.files}.Create(m.dir, segment.FileName(info), uint64(info.SizeLimit))
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = durable.SyncDir(m.dir)
	}
	return err
}

// GetStable implements types.MetaStore: votes are elsewhere.
func (*walMeta) GetStable([]byte) ([]byte, error) { return nil, errors.ErrUnsupported }

// SetStable implements types.MetaStore.
func (*walMeta) SetStable(_, _ []byte) error { return errors.ErrUnsupported }

// Close implements io.Closer.
func (*walMeta) Close() error { return nil }

// walFiles are raft-wal's files, of which those of new segments are there already.
type walFiles struct{ *fs.FS }

// Create implements types.VFS.
func (f walFiles) Create(dir, name string, size uint64) (types.WritableFile, error) {
	file, err := f.OpenWriter(dir, name)
	if errors.Is(err, os.ErrNotExist) {
		return f.FS.Create(dir, name, size)
	}
	return file, err
}

// walFiler makes and removes segments.
type walFiler struct {
	*segment.Filer
	failed *walFailure
}

// Create implements types.SegmentFiler.
func (f walFiler) Create(info types.SegmentInfo) (types.SegmentWriter, error) {
	w, err := f.Filer.Create(info)
	return w, f.failed.note(err)
}

// Delete implements types.SegmentFiler.
func (f walFiler) Delete(base, id uint64) error {
	err := f.Filer.Delete(base, id)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return f.failed.note(err)
}

// walFailure keeps the first error of what raft-wal does between two writes, which it
// only logs: the next write returns it.
type walFailure struct {
	mu  sync.Mutex
	err error
}

func (f *walFailure) note(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
	return err
}

func (f *walFailure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
