package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/sstable/block/blockkind"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// tablesOf lists the names of the files of tables that count now, in the order in which
// Pebble has them. A compaction may remove any of them at once.
func tablesOf(db *pebble.DB) ([]string, error) {
	levels, err := db.SSTables()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, level := range levels {
		for _, table := range level {
			names = append(names, table.BackingSSTNum.String()+".sst")
		}
	}
	return names, nil
}

// openTable opens the file of a table.
func openTable(ctx context.Context, files vfs.FS, path string) (*sstable.Reader, error) {
	file, err := files.Open(path)
	if err != nil {
		return nil, err
	}
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	table, err := sstable.NewReader(ctx, readable, sstable.ReaderOptions{})
	if err != nil {
		return nil, errors.Join(err, readable.Close())
	}
	return table, nil
}

// checkTable reads what of a table no scan of its rows does, its filter above all, and
// compares it with its checksums. It returns how many bytes it read. Errors: what Pebble
// finds damaged, fs.ErrNotExist, or what the operating system says.
func checkTable(ctx context.Context, files vfs.FS, path string) (read int, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", files.PathBase(path), err)
		}
	}()
	table, err := openTable(ctx, files, path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, table.Close()) }()
	layout, err := table.Layout() // reads the indexes
	if err != nil {
		return 0, err
	}
	rest := []block.Handle{layout.RangeDel, layout.RangeKey, layout.Properties, layout.MetaIndex, layout.BlobReferenceIndex}
	for _, filter := range layout.Filter {
		rest = append(rest, filter.Handle)
	}
	for _, handle := range rest {
		if handle.Length == 0 {
			continue // the table has none
		}
		b, err := table.BlockReader().Read(ctx, block.NoReadEnv, nil, handle, blockkind.Metadata, func(*block.Metadata, []byte) error { return nil })
		if err != nil {
			return read, err
		}
		b.Release()
		read += int(handle.Length)
	}
	return read, nil
}

// checkTables is checkTable for all tables of a database, until it has read about budget
// bytes. One that is gone by then has been compacted: all were there for who read the rows.
func checkTables(ctx context.Context, db *pebble.DB, files vfs.FS, dir string, budget int) error {
	names, err := tablesOf(db)
	if err != nil {
		return err
	}
	for _, name := range names {
		if budget <= 0 {
			break
		}
		read, err := checkTable(ctx, files, files.PathJoin(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		budget -= read
	}
	return nil
}

// checkValueFiles fails where files of values are gone or were cut short: fewer are there, or they
// are smaller, than the database counts. Pebble looks for its tables alone when it opens one, and
// panics once somebody reads, or merges, what such a file had. More there may be: what is of no use
// any more is removed in the background. Where a merge changes them meanwhile nothing is said.
func checkValueFiles(db *pebble.DB, files vfs.FS, dir string) error {
	before := db.Metrics().BlobFiles
	names, err := files.List(dir)
	if err != nil {
		return err
	}
	var there, size uint64
	for _, name := range names {
		if !strings.HasSuffix(name, valuesSuffix) {
			continue
		}
		info, err := files.Stat(files.PathJoin(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed since the list was made: what came in its place is not in that
		}
		if err != nil {
			return err
		}
		there, size = there+1, size+uint64(info.Size())
	}
	after := db.Metrics().BlobFiles
	count, bytes := min(before.LiveCount, after.LiveCount), min(before.LiveSize, after.LiveSize)
	if there < count || size < bytes {
		return fmt.Errorf("%w: %d files of values with %d bytes, where %d with %d are in use", errCorrupt, there, size, count, bytes)
	}
	return nil
}

// tables is tablesOf for a store that is in use.
func (s *Store) tables() (names []string, err error) {
	err = s.onDisk(func(db *pebble.DB, _ string) (err error) {
		names, err = tablesOf(db)
		return err
	})
	return names, err
}

// scrubTable is checkTable for a store that is in use. A table that is gone has been
// compacted meanwhile, and where there are no descriptors left it is looked at in the next
// pass.
func (s *Store) scrubTable(ctx context.Context, name string) (read int, err error) {
	err = s.onDisk(func(_ *pebble.DB, dir string) (err error) {
		read, err = checkTable(ctx, s.cfg.FS, s.cfg.FS.PathJoin(dir, name))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			return nil
		}
		if err != nil {
			s.alarm.raise(err)
		}
		return err
	})
	return read, err
}
