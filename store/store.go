// Package store keeps the state of a BPSC on disk: Pebble below, a bounded
// overlay of changes in memory on top. See DESIGN.md beside this file.
package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/renameio/v2"

	"github.com/bpsc/bpsc/internal/durable"
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
	// Log makes Pebble keep a log of its own, for a store without a Raft log
	// above it: a layer that has reached Pebble is durable, and Sync is cheap.
	Log bool
	// Fatal is called when what is on disk turns out damaged while the store
	// is in use. It must end the process: what has been read so far may be
	// wrong too. When nil, the store panics.
	Fatal func(error)
	// Logger gets Pebble's messages; slog.Default() when nil.
	Logger *slog.Logger
}

// Store is the state of one member. One goroutine at a time calls Update and
// Restore; everything else may be called from any.
type Store struct {
	cfg   Config
	alarm *alarm // of the database in use

	mu      sync.RWMutex // guards all below
	settled *sync.Cond   // on mu's write side: frozen became nil, or failed was set
	db      *pebble.DB
	dbName  string    // db's folder inside cfg.Dir
	active  *layer    // written by Update
	frozen  *layer    // on its way into db, or nil
	ids     *idFilter // of db and the layers
	recent  accounts  // accounts of the last layers that reached db, to spare reads
	heads   []*Head   // by number
	byToken map[string]*Head
	meta    meta
	durable uint64 // log index up to which the disk has everything, whatever happens
	failed  error  // set once; nothing is written or trusted after it
}

const (
	currentFile = "CURRENT" // names the folder in use, so that Restore swaps with one rename
	firstDB     = "db-1"
)

// Open opens the store in cfg.Dir, an empty one if there is none, and checks
// what it finds. Errors that mean damage wrap ErrDamaged.
func Open(cfg Config) (*Store, error) {
	if cfg.LayerBytes == 0 {
		cfg.LayerBytes = LayerBytes
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Fatal == nil {
		cfg.Fatal = func(err error) { panic(err) }
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	name, err := currentDB(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, active: newLayer(nil)}
	s.settled = sync.NewCond(&s.mu)
	if err := s.use(name); err != nil {
		return nil, err
	}
	return s, removeOthers(cfg.Dir, name)
}

// Close writes what is in memory and closes the store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.closeFailed()
	}
	err := s.freeze()
	for s.frozen != nil && s.failed == nil {
		s.settled.Wait()
	}
	if err == nil {
		err = s.failed
	}
	if err == nil {
		err = s.db.Flush()
	}
	s.failed = ErrClosed
	s.settled.Broadcast()
	s.ids.close()
	return errors.Join(err, s.db.Close())
}

// closeFailed closes Pebble after a failure, once the flusher has let go.
func (s *Store) closeFailed() error {
	if errors.Is(s.failed, ErrClosed) {
		return nil
	}
	err := s.failed
	s.failed = ErrClosed
	s.ids.close()
	return errors.Join(err, s.db.Close())
}

// use opens the database in the named folder, loads and checks it, and makes
// it the one in use. The caller has seen to it that nobody else looks.
func (s *Store) use(name string) error {
	bell := &alarm{dir: filepath.Join(s.cfg.Dir, name), fatal: s.cfg.Fatal}
	db, err := openDB(filepath.Join(s.cfg.Dir, name), s.cfg, bell)
	if err != nil {
		return damaged(filepath.Join(s.cfg.Dir, name), err)
	}
	var loaded *loaded
	err = caught(func() (err error) {
		if loaded, err = load(db); err == nil {
			err = loaded.check(db)
		}
		return err
	})
	if err != nil {
		return errors.Join(damaged(filepath.Join(s.cfg.Dir, name), err), caught(db.Close))
	}
	bell.armed.Store(true)
	s.alarm, s.db, s.dbName = bell, db, name
	s.meta, s.heads, s.byToken = loaded.meta, loaded.heads, loaded.byToken
	s.durable = s.meta.Applied
	s.active, s.recent = newLayer(nil), nil
	s.ids = newIDFilter(db)
	return nil
}

// damaged says that what is at path cannot be trusted, unless the operating
// system did not let us look.
func damaged(path string, err error) error {
	if _, system := durable.Advice(err); system {
		return fmt.Errorf("store: %s: %w", path, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
}

func currentDB(dir string) (string, error) {
	path := filepath.Join(dir, currentFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return firstDB, createCurrent(dir)
	}
	if err != nil {
		return "", err
	}
	name := strings.TrimSpace(string(text))
	if !strings.HasPrefix(name, "db-") || name != filepath.Base(name) {
		return "", fmt.Errorf("%w: %s does not name a folder", ErrDamaged, path)
	}
	if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
		return "", damaged(path, err)
	}
	return name, nil
}

// createCurrent begins a new store, and refuses where data stands without a
// pointer to it.
func createCurrent(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "db-*"))
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("%w: %s is missing beside %s", ErrDamaged, currentFile, left[0])
	}
	if err := os.Mkdir(filepath.Join(dir, firstDB), 0o700); err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(dir, currentFile), []byte(firstDB+"\n"), 0o600)
}

// removeOthers removes folders that a Restore left half done or replaced.
func removeOthers(dir, current string) error {
	all, err := filepath.Glob(filepath.Join(dir, "db-*"))
	if err != nil {
		return err
	}
	for _, path := range all {
		if filepath.Base(path) != current {
			err = errors.Join(err, os.RemoveAll(path))
		}
	}
	return err
}

// Abandon closes the store and forgets what is only in memory, as the death of
// the process would. Tests use it.
func (s *Store) Abandon() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.frozen != nil {
		s.settled.Wait()
	}
	_ = s.fail(ErrClosed)
	s.ids.close()
	return s.db.Close()
}
