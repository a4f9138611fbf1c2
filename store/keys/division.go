package keys

import (
	"encoding/binary"
	"slices"
	"sync/atomic"
)

// growingTables are those whose rows become more with a chain, in the order of their
var growingTables = []byte{AccountTable, BlockTable, DigestTable, EndedHoldTable, IDTable, EpochIDTable, NodeTable,
	EpochHistoryTable, HistoryTable, NoteTable}

// Division says where one of Pebble's files ends and the next begins. A merge reads and
// writes all files of the level below from the first to the last key of those that it takes in,
// whether there is anything between them or not. A file from the newest block of a chain to its
// newest digest lies over all digests before, so with such files each merge would write
// again whatever came in order and stays as it is: more with each transfer. Where a file
// is of one table and, of a long chain, of that alone, it lies over nothing that is over,
// and Pebble moves it.
//
// How files are divided is in no format: what was written otherwise is read alike, and
// divided when it is merged.
type Division struct {
	long atomic.Pointer[[]uint32] // contracts with files of their own, in order; nil: none
}

// Divide gives files of their own to contracts, which are in order: to those of the long
// chains, since a file each in each flush is not worth while for the others.
func (d *Division) Divide(long []uint32) { d.long.Store(&long) }

// End is the key before which a file that begins with first ends; nil is no bound. It may be
// asked from any goroutine.
func (d *Division) End(first []byte) (end []byte) {
	next, ok := slices.BinarySearch(growingTables, first[0])
	if !ok { // rows that are few, up to the next table of many
		if next < len(growingTables) {
			end = growingTables[next : next+1]
		}
		return end
	}
	end = []byte{first[0] + 1}
	long := d.long.Load()
	if long == nil || len(first) < 1+4 {
		return end
	}
	contract := binary.BigEndian.Uint32(first[1:])
	next, own := slices.BinarySearch(*long, contract)
	switch {
	case own:
		end = Prefix(first[0], contract+1)
	case next < len(*long):
		end = Prefix(first[0], (*long)[next])
	}
	return end
}
