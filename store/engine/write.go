package engine

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"iter"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Row is one change; without a value it is a deletion. More is the rest of a
// value that is in two places in memory.
type Row struct{ Key, Value, More []byte }

func (r *Row) write(batch *pebble.Batch) error {
	switch {
	case r.Value == nil:
		return batch.Delete(r.Key, nil)
	case r.More == nil:
		return batch.Set(r.Key, r.Value, nil)
	}
	op := batch.SetDeferred(len(r.Key), len(r.Value)+len(r.More))
	copy(op.Key, r.Key)
	copy(op.Value[copy(op.Value, r.Value):], r.More)
	return op.Finish()
}

// Write writes rows, in any order, as one atomic, sorted batch of about so many bytes. With
// Config.Log it is durable then.
func (db *DB) Write(rows []Row, size int) error {
	batch := db.NewBatchWithSize(size)
	for _, place := range sorted(rows) {
		if err := rows[place.row].write(batch); err != nil {
			return err
		}
	}
	return batch.Commit(&pebble.WriteOptions{Sync: db.cfg.Log})
}

// WriteTable writes rows, which are in the order of their keys, into a new file beside the
// database, as the database would have it: IngestAndExcise takes it in.
func (db *DB) WriteTable(path string, rows iter.Seq[Row]) error {
	file, err := db.cfg.FS.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(file), sstable.WriterOptions{
		TableFormat: db.TableFormat(), Compression: sstable.MinLZCompression, FilterPolicy: bloom.FilterPolicy(bloomBits),
	})
	for r := range rows {
		if err := w.Set(r.Key, slices.Concat(r.Value, r.More)); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close()
}

// sorted returns the places of rows in the order of their keys. Nearly all
// keys differ in their first 16 bytes, which are compared without a look at the
// memory that they are in.
func sorted(rows []Row) []rowPlace {
	places := make([]rowPlace, len(rows))
	for i := range rows {
		var head [16]byte
		copy(head[:], rows[i].Key)
		places[i] = rowPlace{binary.BigEndian.Uint64(head[:8]), binary.BigEndian.Uint64(head[8:]), i}
	}
	slices.SortFunc(places, func(a, b rowPlace) int {
		switch {
		case a.first != b.first:
			return cmp.Compare(a.first, b.first)
		case a.second != b.second:
			return cmp.Compare(a.second, b.second)
		}
		return bytes.Compare(rows[a.row].Key, rows[b.row].Key)
	})
	return places
}

// rowPlace is a row by its number, with the first 16 bytes of its key.
type rowPlace struct {
	first, second uint64
	row           int
}
