package store

import (
	"encoding/binary"
	"slices"
	"sync/atomic"
)

// growingTables are those whose rows become more with a chain, in the order of their keys.
var growingTables = []byte{accountTable, blockTable, digestTable, endedHoldTable, idTable, epochIDTable, nodeTable,
	epochHistoryTable, historyTable, noteTable}

// division says where one of Pebble's files ends and the next begins. A merge reads and
// writes all files of the level below from the first to the last key of those that it takes in,
// whether there is anything between them or not. A file from the newest block of a chain to its
// newest digest lies over all digests before, so with such files each merge would write
// again whatever came in order and stays as it is: more with each transfer. Where a file
// is of one table and, of a long chain, of that alone, it lies over nothing that is over,
// and Pebble moves it.
//
// How files are divided is in no format: what was written otherwise is read alike, and
// divided when it is merged. Pebble asks from any of its goroutines; freeze sets long.
type division struct {
	long atomic.Pointer[[]uint32] // contracts with files of their own, in order; nil: none
}

// divide gives files of their own to the chains that are longer than an epoch, the first
// dividedChains of them: those of the others together are not worth a file each in each flush.
func (d *division) divide(heads []*Head, epoch uint64) {
	var long []uint32
	for _, h := range heads {
		if h.Records > epoch && len(long) < dividedChains {
			long = append(long, h.Number)
		}
	}
	d.long.Store(&long)
}

// end is engine.Config.FileEnd.
func (d *division) end(first []byte) (end []byte) {
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
		end = tableKey(first[0], contract+1)
	case next < len(*long):
		end = tableKey(first[0], (*long)[next])
	}
	return end
}
