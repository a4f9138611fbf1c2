package store

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

// scrubbed runs Scrub on s until it ends by itself or has read everything
// twice, and returns the first damage.
func scrubbed(t *testing.T, s *Store, found chan error) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Scrub(ctx, 1<<40, time.Microsecond)
	}()
	for range 2 {
		for from, begun := []byte(nil), false; from != nil || !begun; begun = true {
			var err error
			from, _, err = s.scrubRun(from)
			if err != nil {
				break
			}
		}
	}
	cancel()
	<-ended
	select {
	case err := <-found:
		return err
	default:
		return nil
	}
}

func TestScrubFindsWhatHasRotted(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 0)
	for i := uint64(1); i <= 200; i++ {
		addBlock(t, s, i)
	}
	require.NoError(t, s.Close())
	found := make(chan error, 100)
	s, err := Open(Config{Dir: dir, Fatal: func(err error) {
		select {
		case found <- err:
		default:
		}
	}})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, scrubbed(t, s, found))

	key := keys.Block{Index: 150}.Piece(0)
	stored, err := engine.Get(s.db, key)
	require.NoError(t, err)
	stored[len(stored)/2] ^= 1
	require.NoError(t, s.db.Set(key, stored, pebble.NoSync))
	require.ErrorIs(t, scrubbed(t, s, found), ErrDamaged)
}

func TestScrubEndsWithTheStore(t *testing.T) {
	s := openTest(t, t.TempDir(), 0)
	addBlock(t, s, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Scrub(t.Context(), 1<<40, time.Microsecond)
	}()
	require.NoError(t, s.Close())
	<-ended
}

func TestScrubReadsFilters(t *testing.T) {
	snapshot := compacted(t)
	dir := t.TempDir()
	s := openTest(t, dir, 0)
	require.NoError(t, s.Restore(snapshot))
	require.NoError(t, s.Close())
	path := one(t, dir, "db-*/*.sst")
	found := make(chan error, 1)
	files := &scarceFS{FS: vfs.Default}
	s, err := Open(Config{Dir: dir, FS: files, Fatal: func(err error) { found <- err }})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	tables, err := s.tables()
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(tables, func(f engine.Table) bool { return f.Name == filepath.Base(path) }))
	require.NoError(t, s.scrubAll(t.Context(), 1<<40))

	filter := filterOf(t, path)
	flip(t, path, int(filter.Offset+filter.Length/2))
	require.ErrorContains(t, s.scrubAll(t.Context(), 1<<40), filepath.Base(path)+": pebble: ")
	require.ErrorIs(t, <-found, ErrDamaged)

	require.NoError(t, os.Remove(path)) // a compaction was quicker
	_, err = s.scrubTable(t.Context(), filepath.Base(path))
	require.NoError(t, err)
	files.none.Store(true)
	defer files.none.Store(false)
	_, err = s.scrubTable(t.Context(), filepath.Base(path))
	require.NoError(t, err)
}

// scarceFS opens nothing while there are none, as in a process that has as many files open
// as it may.
type scarceFS struct {
	vfs.FS
	none atomic.Bool
}

func (f *scarceFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if f.none.Load() {
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EMFILE}
	}
	return f.FS.Open(name, opts...)
}

// A value that is kept apart from its key, in a file of which Pebble tells nobody that it is
// damaged, is reported by whoever reads it.
func TestARottenFileOfValuesIsReported(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 0)
	require.NoError(t, s.Restore(compacted(t)))
	require.NoError(t, s.Close())
	found := make(chan error, 100)
	s, err := Open(Config{Dir: dir, CacheBytes: 1, Fatal: func(err error) {
		select {
		case found <- err:
		default:
		}
	}})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, scrubbed(t, s, found))

	flip(t, one(t, dir, "db-*/*.blob"), 10) // in place
	_, err = engine.Get(s.db, []byte{0xfe})
	require.Error(t, s.report(err))
	require.Len(t, found, 1)
	require.ErrorIs(t, <-found, ErrDamaged)
	require.ErrorIs(t, scrubbed(t, s, found), ErrDamaged)
}

// What says at the end of such a file what the rest is, Pebble reads when it opens the file, and
// panics where that is damaged, or the file is gone. A store is told before.
func TestAFileOfValuesThatDoesNotOpenIsReported(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"its end is another": func(t *testing.T, path string) {
			info, err := os.Stat(path)
			require.NoError(t, err)
			flip(t, path, int(info.Size())-1)
		},
		"its end is missing": func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 20)) },
		"it is empty":        func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) },
		"it is gone":         func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			found := make(chan error, 1)
			s, err := Open(Config{Dir: dir, Fatal: func(err error) {
				select {
				case found <- err:
				default:
				}
			}})
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Abandon()) }()
			require.NoError(t, s.db.Set([]byte{0xfe}, make([]byte, apart), pebble.NoSync))
			require.NoError(t, s.db.Flush())

			spoil(t, one(t, dir, "db-*/*.blob"))
			_, err = engine.Get(s.db, []byte{0xfe})
			require.ErrorIs(t, err, engine.ErrCorrupt)
			require.ErrorIs(t, <-found, ErrDamaged)
		})
	}
}
