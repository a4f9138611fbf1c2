// Package snapshot keeps a member's snapshots as directories: the state machine
// writes its state straight into one and is restored straight from one. Only
// to another member a snapshot travels as a stream, an archive of the directory.
//
// A snapshot is a directory <term>-<index>-<unix ms>/ with
//
//	meta.json    what raft wants to know of it, sealed by a checksum
//	checkpoint/  what the state machine wrote
//
// It is made under a temporary name and renamed when all of it is durable, so
// whatever has its final name is whole.
package snapshot

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/internal/durable"
)

const (
	metaFile   = "meta.json"
	stateDir   = "state"
	unfinished = ".tmp"
)

// retained is how many snapshots are kept: the newest to start from, and the one
// before while it is made or sent.
const retained = 2

// metaFormat is the version of meta.json and of what stands beside it.
const metaFormat = 1

// Meta is the content of meta.json.
type Meta struct {
	raft.SnapshotMeta
	Format int // metaFormat; 0 before there was another
	// Reach is an upper bound of the entries that the state holds. It may
	// exceed Index, since the machine goes on while it writes.
	Reach uint64
}

// Taken is when it was begun, by the clock of the machine; zero where its name does not
// say.
func (m Meta) Taken() time.Time {
	_, millis, _ := strings.Cut(m.ID[strings.Index(m.ID, "-")+1:], "-")
	at, err := strconv.ParseInt(millis, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(at).UTC()
}

// Store implements raft.SnapshotStore. A snapshot costs no copy of the state,
// neither when it is taken nor when it is restored.
//
// Safe for concurrent use: raft uses it from its main, snapshot and replication
// goroutines. mu guards metas and inUse, and is held while snapshots that are not
// kept are removed.
type Store struct {
	dir string
	// Added is told of each new snapshot, and must not wait; nil: nobody asks. It is set
	// before the store is used.
	Added func(Meta)
	// Damaged is told when a snapshot that was to be read is not what it was, or cannot be listed. The same holds.
	Damaged func()
	// Check reads a state that came from another member, and says what is damaged, or that it is not of the
	// entries from of.Index to of.Reach, before it counts as a snapshot: nothing that rots on one member gets to another. The same holds.
	Check func(state string, of Meta) error

	mu    sync.Mutex
	metas []Meta         // newest first
	inUse map[string]int // snapshots being read, by id; they are not removed
}

var _ raft.SnapshotStore = (*Store)(nil)

// Open reads what is in dir and removes what was never finished.
func Open(dir string) (*Store, error) {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, inUse: map[string]int{}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), unfinished) {
			if err := durable.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return nil, err
			}
			continue
		}
		meta, err := readMeta(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		s.metas = append(s.metas, meta)
	}
	s.sort()
	// Their names last from now on: the log may continue where one of them ends.
	return s, durable.SyncDir(dir)
}

func readMeta(dir string) (Meta, error) {
	var meta Meta
	if err := durable.ReadSealed(filepath.Join(dir, metaFile), &meta); err != nil {
		return meta, datadir.Damaged(dir, err)
	}
	if meta.Format > metaFormat {
		return meta, fmt.Errorf("cluster: %s has format %d, this binary knows %d: use the binary that wrote it, or a newer one", dir, meta.Format, metaFormat)
	}
	if meta.ID != filepath.Base(dir) {
		return meta, datadir.Damaged(dir, fmt.Errorf("it says that its name is %s", meta.ID))
	}
	return meta, nil
}

// Create implements raft.SnapshotStore.
func (s *Store) Create(version raft.SnapshotVersion, index, term uint64,
	configuration raft.Configuration, configurationIndex uint64, _ raft.Transport,
) (raft.SnapshotSink, error) {
	id := fmt.Sprintf("%d-%d-%d", term, index, time.Now().UnixMilli())
	temp := filepath.Join(s.dir, id+unfinished)
	if err := os.Mkdir(temp, 0o700); err != nil {
		return nil, err
	}
	return &Sink{
		store: s,
		dir:   temp,
		state: filepath.Join(temp, stateDir),
		meta: Meta{Format: metaFormat, SnapshotMeta: raft.SnapshotMeta{
			Version:            version,
			ID:                 id,
			Index:              index,
			Term:               term,
			Configuration:      configuration,
			ConfigurationIndex: configurationIndex,
		}},
	}, nil
}

// List implements raft.SnapshotStore.
func (s *Store) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*raft.SnapshotMeta, len(s.metas))
	for i, m := range s.metas {
		list[i] = &m.SnapshotMeta
	}
	return list, nil
}

// Newest returns the snapshot that counts, if there is one.
func (s *Store) Newest() (Meta, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.metas) == 0 {
		return Meta{}, false
	}
	return s.metas[0], true
}

// State is the directory that the state machine wrote.
func (s *Store) State(id string) string {
	return filepath.Join(s.dir, id, stateDir)
}

// Open implements raft.SnapshotStore.
func (s *Store) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.metas, func(m Meta) bool { return m.ID == id })
	if i < 0 {
		return nil, nil, fmt.Errorf("cluster: there is no snapshot %s", id)
	}
	meta := s.metas[i]
	files, err := listFiles(s.State(id))
	if size := archiveSize(files); err == nil && size != meta.Size {
		err = datadir.Damaged(filepath.Join(s.dir, id), fmt.Errorf("it has changed: %d bytes, not %d", size, meta.Size))
	}
	if err != nil {
		if s.Damaged != nil {
			s.Damaged()
		}
		return nil, nil, err
	}
	s.inUse[id]++
	return &meta.SnapshotMeta, &Reader{
		archiveReader: &archiveReader{dir: s.State(id), files: files, reach: meta.Reach},
		State:         s.State(id),
		Index:         meta.Index,
		Meta:          meta.SnapshotMeta,
		Reach:         max(meta.Index, meta.Reach),
		release:       sync.OnceFunc(func() { s.release(id) }),
	}, nil
}

func (s *Store) release(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inUse[id]--
	if s.inUse[id] == 0 {
		delete(s.inUse, id)
	}
}

// add makes a finished snapshot known and removes the oldest ones. Leftovers do
// no harm, so an error in removing them does not fail the snapshot.
func (s *Store) add(meta Meta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metas = append(s.metas, meta)
	s.sort()
	if s.Added != nil {
		s.Added(meta)
	}
	for i := len(s.metas) - 1; i >= retained; i-- {
		id := s.metas[i].ID
		if s.inUse[id] > 0 || durable.RemoveAll(filepath.Join(s.dir, id)) != nil {
			continue
		}
		s.metas = slices.Delete(s.metas, i, i+1)
	}
}

func (s *Store) sort() {
	slices.SortFunc(s.metas, func(a, b Meta) int {
		return cmp.Or(cmp.Compare(b.Term, a.Term), cmp.Compare(b.Index, a.Index), cmp.Compare(b.ID, a.ID))
	})
}

// Reader is an open snapshot: as a stream for another member, or as a
// directory for the state machine of this one.
type Reader struct {
	*archiveReader
	State string // the directory that the state machine wrote
	Index uint64
	Meta  raft.SnapshotMeta
	Reach uint64 // upper bound of the entries in it

	release func()
}

// Close ends the use of the snapshot.
func (r *Reader) Close() error {
	r.release()
	return r.archiveReader.Close()
}
