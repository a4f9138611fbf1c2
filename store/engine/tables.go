package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/sstable/block/blockkind"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Table is a file of rows in the order of their keys.
type Table struct {
	Name        string // of the file
	First, Last []byte // of its keys
}

// Tables lists those that count now, in the order in which Pebble has them. A compaction may
// remove any of them at once.
func (db *DB) Tables() (tables []Table, err error) {
	levels, err := db.SSTables()
	if err != nil {
		return nil, err
	}
	for _, level := range levels {
		for _, t := range level {
			tables = append(tables, Table{t.BackingSSTNum.String() + ".sst", t.Smallest.UserKey, t.Largest.UserKey})
		}
	}
	return tables, nil
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

// CheckTable reads what of the table with a name no scan of its rows does, its filter above
// all, and compares it with its checksums. It returns how many bytes it read. Errors: what
// Pebble finds damaged, fs.ErrNotExist, or what the operating system says.
func (db *DB) CheckTable(ctx context.Context, name string) (read int, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}()
	table, err := openTable(ctx, db.cfg.FS, db.cfg.FS.PathJoin(db.dir, name))
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

// CheckTables is CheckTable for all tables, until it has read about budget bytes. One that is
// gone by then has been compacted: all were there for who read the rows.
func (db *DB) CheckTables(ctx context.Context, budget int) error {
	tables, err := db.Tables()
	if err != nil {
		return err
	}
	for _, t := range tables {
		if budget <= 0 {
			break
		}
		read, err := db.CheckTable(ctx, t.Name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		budget -= read
	}
	return nil
}

// CheckValueFiles fails where files of values are gone or were cut short: fewer are there, or they
// are smaller, than the database counts. Pebble looks for its tables alone when it opens one, and
// panics once somebody reads, or merges, what such a file had. More there may be: what is of no use
// any more is removed in the background. Where a merge changes them meanwhile nothing is said.
func (db *DB) CheckValueFiles() error {
	before := db.Metrics().BlobFiles
	files := db.cfg.FS
	names, err := files.List(db.dir)
	if err != nil {
		return err
	}
	var there, size uint64
	for _, name := range names {
		if !strings.HasSuffix(name, valuesSuffix) {
			continue
		}
		info, err := files.Stat(files.PathJoin(db.dir, name))
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
		return fmt.Errorf("%w: %d files of values with %d bytes, where %d with %d are in use", ErrCorrupt, there, size, count, bytes)
	}
	return nil
}
