// Package store keeps the state of a BPSC on disk: Pebble below, a bounded
// overlay of changes in memory on top. This package is the state itself: what an entry of
// the log changes and what is read, the layers and their way to the disk, snapshots, damage
// and its repair. What can be told without it is below: the database (engine), the folder
// that it is in (folder), where each row stands (keys), blocks in rows (blocks), who is in
// which record (history), and what is in memory alone (hashtable, filter, holds). See
// DESIGN.md beside this file.
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/internal/token"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/filter"
	"github.com/bpsc/bpsc/store/folder"
	"github.com/bpsc/bpsc/store/hashtable"
	"github.com/bpsc/bpsc/store/keys"
)

// ErrDamaged means that what is on disk cannot be trusted.
var ErrDamaged = errors.New("the state store is damaged")

// ErrClosed is returned once the store is closed.
var ErrClosed = errors.New("the state store is closed")

// Config says where and how to keep the state.
type Config struct {
	// Dir is the folder that belongs to the store alone; created if missing.
	Dir string
	// LayerBytes is the size at which the overlay is flushed; LayerBytes, the
	// constant, when 0. Tests make it small.
	LayerBytes int
	// NoteEvery is after how many of its records an account is noted, so that what it
	// was then is read without those before; noteEvery when 0. Tests make it small.
	NoteEvery uint64
	// EpochRecords is how many records of a chain share an epoch, see keys.Epoch;
	// epochRecords when 0. Tests make it small.
	EpochRecords uint64
	// FilterBytes is the size of the filter that tells new ids, a multiple of 64;
	// filterBytes when 0. Tests make it small: they open thousands of stores.
	FilterBytes int
	// MaxFilterBytes is how large it becomes at most; maxFilterBytes when 0.
	MaxFilterBytes int
	// CacheBytes bounds what Pebble keeps of what was read; cacheBytes when 0.
	CacheBytes int64
	// Log makes Pebble keep a log of its own, for a store without a Raft log
	// above it: a layer that has reached Pebble is durable, and Sync is cheap.
	Log bool
	// ReadOnly opens a store that is there and changes nothing on its disk, not
	// even what a crash has left.
	ReadOnly bool
	// FS is the file system that Dir is on, and the snapshots; the operating
	// system's when nil. Tests have one that crashes.
	FS vfs.FS
	// Tables is how many files of the database are kept open for reading; Pebble's
	// own number when 0.
	Tables int
	// Fatal is called when what is on disk turns out damaged while the store
	// is in use. It must not return, and whoever uses the store must stop: what has
	// been read so far may be wrong too. When nil, the store panics.
	Fatal func(error)
	// Logger gets Pebble's messages; slog.Default() when nil.
	Logger *slog.Logger

	// pebbleFormat is that of each level, that of the package when nil; tests set it.
	pebbleFormat func(release.Level) pebble.FormatMajorVersion
}

// Store is the state of one member. One goroutine at a time calls Update and
// Restore; all other methods may be called from any goroutine, beside them.
//
// A change is in the active layer, then in the frozen one, then in db:
//
//   - active is written by Update's function alone, which holds mu.
//   - frozen is not written any more, but for its index, which has a lock of its
//     own. At most one flush runs, as long as frozen is its layer; it reads the
//     layer without a lock, and takes mu to set frozen to nil once db has it.
//   - What was in neither layer while mu was held is in db from then on, as it
//     was or newer. So a reader looks at the layers under mu and at db after it.
//
// Update holds mu for one entry: a reader sees an entry whole or not at all. A
// reader never holds mu while it reads from db, hashes or decodes (but Accounts and
// Holds, which are for a store without updates), so neither readers nor the disk keep
// Update waiting. What does is a frozen layer when the active one is full as well.
type Store struct {
	cfg    Config
	folder folder.Folder

	// using keeps db open. It is held to read by all who work with db without
	// mu, and to write by Close, Abandon and Restore, which close db. It is taken
	// before mu, never while mu is held. Update works with db under mu, and flush
	// is waited for.
	using sync.RWMutex

	// division says where db's files end. It is used without a lock.
	division keys.Division

	// contracts are those of heads, by token: for KnownContract, which takes no mu.
	contracts sync.Map

	mu      sync.RWMutex // guards all below
	settled *sync.Cond   // on mu's write side: frozen became nil, or failed was set
	db      *engine.DB   // replaced by Restore alone
	dbName  string       // db's folder inside cfg.Dir
	audited string       // what SetAudited has noted last
	active  *layer
	frozen  *layer              // nil: no flush runs
	ids     *filter.Filter      // of db and the layers
	flushes int                 // of layers, since db was opened
	sinking *engine.Sinking     // of db; nil: none yet
	recent  *hashtable.Accounts // accounts of the last layers that reached db, to spare reads; nil: none
	heads   []*Head             // by number
	byToken map[string]*Head
	meta    meta
	members map[string]Member // by identity
	// policies are by number, from 1; neither the list nor a policy in it changes.
	policies []*Policy
	policed  chan struct{} // closed when there are others
	tokens   map[token.Hash]*token.Token
	tokenIDs map[string]*token.Token // the same, by their ids
	audit    []auditlog.Entry        // the audit log, as far as it is kept
	durable  uint64                  // log index up to which the disk has everything, whatever happens
	failed   error                   // set once, but for ErrClosed after it; nothing is written or trusted any more
}

// Open opens the store in cfg.Dir, an empty one if there is none, and checks
// what it finds. Errors that mean damage wrap ErrDamaged.
func Open(cfg Config) (*Store, error) {
	if cfg.LayerBytes == 0 {
		cfg.LayerBytes = LayerBytes
	}
	if cfg.NoteEvery == 0 {
		cfg.NoteEvery = noteEvery
	}
	if cfg.EpochRecords == 0 {
		cfg.EpochRecords = epochRecords
	}
	if cfg.FilterBytes == 0 {
		cfg.FilterBytes = filterBytes
	}
	if cfg.MaxFilterBytes == 0 {
		cfg.MaxFilterBytes = maxFilterBytes
	}
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = cacheBytes
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Fatal == nil {
		cfg.Fatal = func(err error) { panic(err) }
	}
	if cfg.FS == nil {
		cfg.FS = vfs.Default
	}
	s := &Store{cfg: cfg, folder: folder.New(cfg.Dir, cfg.FS, ErrDamaged), active: newLayer(nil), policed: make(chan struct{})}
	s.settled = sync.NewCond(&s.mu)
	if err := checkLevel(s.folder); err != nil {
		return nil, fmt.Errorf("store: %s: %w", cfg.Dir, err)
	}
	var err error
	if s.audited, err = s.folder.Audited(); err != nil {
		return nil, err
	}
	name, err := s.folder.Current()
	if errors.Is(err, fs.ErrNotExist) && !cfg.ReadOnly {
		name, err = s.folder.Begin()
	}
	if err != nil {
		return nil, err
	}
	if err := s.use(name); err != nil {
		return nil, err
	}
	if cfg.ReadOnly {
		return s, nil
	}
	if err := s.folder.RemoveOthers(name); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close writes what is in memory and closes the store.
func (s *Store) Close() error {
	return s.close(func() error {
		if s.failed != nil || s.cfg.ReadOnly {
			return s.failed
		}
		return s.drain()
	})
}

// Abandon closes the store and forgets what is only in memory, as the death of
// the process would. Tests use it.
func (s *Store) Abandon() error { return s.close(func() error { return nil }) }

func (s *Store) close(drain func() error) error {
	s.using.Lock()
	defer s.using.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.failed, ErrClosed) {
		return nil
	}
	err := drain()
	for s.frozen != nil {
		s.settled.Wait() // the flusher writes into db
	}
	s.failed = ErrClosed
	s.settled.Broadcast()
	s.ids.Close()
	s.closeSinking()
	return errors.Join(err, s.db.Close())
}

// drain writes what is in memory. The caller holds mu.
func (s *Store) drain() error {
	if err := s.freeze(); err != nil {
		return err
	}
	if err := s.idle(); err != nil {
		return err
	}
	return s.db.Flush()
}

// use opens the database in the named folder, loads and checks it, and makes
// it the one in use. The caller has seen to it that nobody else looks.
func (s *Store) use(name string) error {
	// A member has no write-ahead log here: the Raft log is the durability point, and what
	// Pebble has not flushed is applied again from that. A batch reaches the disk whole or not
	// at all, so the applied index inside it always tells the truth.
	db, err := engine.Open(s.folder.Path(name), engine.Config{
		FS: s.cfg.FS, CacheBytes: s.cfg.CacheBytes, Log: s.cfg.Log, ReadOnly: s.cfg.ReadOnly, Tables: s.cfg.Tables,
		Format: s.cfg.formatOn(release.First), FileEnd: s.division.End, Logger: s.cfg.Logger,
		Fatal: func(err error) { s.cfg.Fatal(damaged(s.folder.Path(name), err)) },
	})
	if err != nil {
		return damaged(s.folder.Path(name), err)
	}
	var loaded *loaded
	err = engine.Caught(func() (err error) {
		if err = db.CheckValueFiles(); err != nil {
			return err
		}
		if loaded, err = load(db); err == nil {
			var read int
			if read, err = loaded.check(db); err == nil {
				err = db.CheckTables(context.Background(), startCheckBytes-read)
			}
		}
		if err == nil {
			err = s.raise(db, loaded.meta.need())
		}
		return err
	})
	if err != nil {
		return errors.Join(damaged(s.folder.Path(name), err), engine.Caught(db.Close))
	}
	db.Arm()
	s.db, s.dbName = db, name
	s.meta, s.heads, s.byToken = loaded.meta, loaded.heads, loaded.byToken
	s.contracts.Clear()
	for _, h := range s.heads {
		s.contracts.Store(h.Contract.Token, &h.Contract)
	}
	s.durable = s.meta.Applied
	s.active, s.recent = newLayer(nil), nil
	s.ids = filter.New(filter.Size{Least: s.cfg.FilterBytes, Most: s.cfg.MaxFilterBytes}, s.recorded(), decidedIn(db))
	s.members, s.policies = loaded.members, loaded.policies
	s.tokens, s.tokenIDs, s.audit = loaded.tokens, loaded.tokenIDs, loaded.audit
	if !loaded.old {
		return nil
	}
	for id, m := range s.members { // the next flush writes them as this format has them
		if err := s.setMember(id, m); err != nil {
			return err
		}
	}
	return nil
}

// recorded is how many ids have become records, which are nearly all, but where somebody
// sends what is refused.
func (s *Store) recorded() (ids uint64) {
	for _, h := range s.heads {
		ids += h.Records
	}
	return ids
}

// damaged says that what is at path cannot be trusted, unless the operating
// system did not let us look, or another version wrote it.
func damaged(path string, err error) error {
	if _, system := durable.Advice(err); system || errors.Is(err, errFormat) || errors.Is(err, release.ErrTooOld) {
		return fmt.Errorf("store: %s: %w", path, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrDamaged, path, engine.Sentence(err))
}
