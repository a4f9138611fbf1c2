package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bpsc/bpsc/internal/durable"
)

// errCancelled ends the unpacking of a snapshot that raft gave up.
var errCancelled = errors.New("snapshot cancelled")

// ErrRefused: a snapshot that came from another member is damaged, or of another state than it is said
// to be of, and is not taken.
var ErrRefused = errors.New("cluster: the snapshot that came is damaged")

// Sink is a snapshot in the making. Either the state machine writes its
// state directory, or an archive from the leader comes in through Write and
// is unpacked there at once.
//
// raft uses a sink from one goroutine, which owns its fields. A second goroutine
// unpacks what comes in; it sets reach and err of the unpacking before it closes
// ended, and Close and Cancel wait for that.
type Sink struct {
	store    *Store
	dir      string // its temporary name
	state    string
	meta     Meta
	incoming *unpacking // nil unless Write was called
	done     bool
}

// unpacking is an archive being received.
type unpacking struct {
	pipe  *io.PipeWriter
	reach uint64
	err   error
	ended chan struct{} // closed when reach and err are set
}

// ID implements raft.SnapshotSink.
func (s *Sink) ID() string { return s.meta.ID }

// Dir is the directory that the state machine writes, and has to create.
func (s *Sink) Dir() string { return s.state }

// SetReach notes up to which entry what was written there may reach.
func (s *Sink) SetReach(index uint64) { s.meta.Reach = index }

// Write implements raft.SnapshotSink: it takes the next bytes of an archive.
func (s *Sink) Write(p []byte) (int, error) {
	if s.incoming == nil {
		if err := os.Mkdir(s.state, 0o700); err != nil {
			return 0, err
		}
		s.incoming = unpackFrom(s.state)
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
func (s *Sink) Close() error {
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
		if err := s.check(); err != nil {
			return errors.Join(err, os.RemoveAll(s.dir))
		}
	}
	if err := s.finish(); err != nil {
		return errors.Join(err, os.RemoveAll(s.dir))
	}
	s.store.add(s.meta)
	return nil
}

// check looks at what came from another member.
func (s *Sink) check() error {
	if s.store.Check == nil {
		return nil
	}
	err := s.store.Check(s.state, s.meta)
	if _, system := durable.Advice(err); err == nil || system || errors.Is(err, context.Canceled) { // that is not the snapshot's doing
		return err
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

func (s *Sink) finish() error {
	files, err := listFiles(s.state)
	if err != nil {
		return err
	}
	s.meta.Size = archiveSize(files)
	if err := durable.SyncTree(s.state); err != nil {
		return err
	}
	if err := durable.WriteSealed(filepath.Join(s.dir, metaFile), s.meta); err != nil {
		return err
	}
	return durable.Rename(s.dir, filepath.Join(s.store.dir, s.meta.ID))
}

// Cancel implements raft.SnapshotSink: it leaves nothing.
func (s *Sink) Cancel() error {
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
