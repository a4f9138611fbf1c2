package cluster

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/bpsc/bpsc/internal/durable"
)

// errCancelled ends the unpacking of a snapshot that raft gave up.
var errCancelled = errors.New("snapshot cancelled")

// snapshotSink is a snapshot in the making. Either the state machine writes its
// checkpoint directory, or an archive from the leader comes in through Write and
// is unpacked there at once.
//
// raft uses a sink from one goroutine. The sink owns the goroutine that unpacks,
// which Close and Cancel wait for.
type snapshotSink struct {
	store      *snapshotStore
	dir        string // its temporary name
	checkpoint string
	meta       snapshotMeta
	incoming   *unpacking // nil unless Write was called
	done       bool
}

// unpacking is an archive being received.
type unpacking struct {
	pipe  *io.PipeWriter
	reach uint64
	err   error
	ended chan struct{} // closed when reach and err are set
}

// ID implements raft.SnapshotSink.
func (s *snapshotSink) ID() string { return s.meta.ID }

// Write implements raft.SnapshotSink: it takes the next bytes of an archive.
func (s *snapshotSink) Write(p []byte) (int, error) {
	if s.incoming == nil {
		if err := os.Mkdir(s.checkpoint, 0o700); err != nil {
			return 0, err
		}
		s.incoming = unpackFrom(s.checkpoint)
	}
	return s.incoming.pipe.Write(p)
}

func unpackFrom(dir string) *unpacking {
	r, w := io.Pipe()
	u := &unpacking{pipe: w, ended: make(chan struct{})}
	go func() {
		defer close(u.ended)
		u.reach, u.err = unpack(r, dir)
		// Whoever still writes learns why it is of no use.
		r.CloseWithError(errors.Join(u.err, io.ErrClosedPipe))
	}()
	return u
}

// Close implements raft.SnapshotSink: it makes the snapshot durable under its
// final name, or leaves nothing.
func (s *snapshotSink) Close() error {
	if s.done {
		return nil
	}
	s.done = true
	if s.incoming != nil {
		_ = s.incoming.pipe.Close() // never fails
		<-s.incoming.ended
		if s.incoming.err != nil {
			return errors.Join(s.incoming.err, os.RemoveAll(s.dir))
		}
		s.meta.Reach = s.incoming.reach
	}
	if err := s.finish(); err != nil {
		return errors.Join(err, os.RemoveAll(s.dir))
	}
	s.store.add(s.meta)
	return nil
}

func (s *snapshotSink) finish() error {
	files, err := listFiles(s.checkpoint)
	if err != nil {
		return err
	}
	s.meta.Size = archiveSize(files)
	if err := durable.SyncTree(s.checkpoint); err != nil {
		return err
	}
	if err := durable.WriteSealed(filepath.Join(s.dir, metaFile), s.meta); err != nil {
		return err
	}
	return durable.Rename(s.dir, filepath.Join(s.store.dir, s.meta.ID))
}

// Cancel implements raft.SnapshotSink: it leaves nothing.
func (s *snapshotSink) Cancel() error {
	if s.done {
		return nil
	}
	s.done = true
	if s.incoming != nil {
		s.incoming.pipe.CloseWithError(errCancelled)
		<-s.incoming.ended
	}
	return os.RemoveAll(s.dir)
}
