package store

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store/engine"
)

// epoch numbers stretches of epochRecords records of a chain, from 0. Keys that are
// hashes fall anywhere among all there are, so that a merge in Pebble writes all of them
// again, and more with each transfer that a chain has. With the epoch in front a flush
// falls among the rows of one epoch only: once that is over nothing comes between them
// any more, Pebble moves its tables and writes them no more, and what a transfer costs
// does not depend on those before. In return an id that is known is looked for in one
// epoch after another, from the newest; that one is new the filter knows.
//
// A layer's rows are of the epoch in which it was frozen.
type epoch uint32

const epochBytes = 4 // of a key

func (s *Store) epochOf(h *Head) epoch { return epoch(h.Records / s.cfg.EpochRecords) }

// newestEpoch is the last one in which there may be rows of h; -1 where rows have none, and
// so none is looked into. The caller holds mu.
func (s *Store) newestEpoch(h *Head) int64 {
	if s.meta.Format < epochFormat {
		return -1
	}
	return int64(s.epochOf(h))
}

// byEpoch tells whether a store has its rows by epochs, which releases before
// release.Access do not know: a member from the level on, a follower, which has no
// levels, at once. What has begun to have epochs goes on with them, whoever opens it: a
// row without one is older than all others.
func (s *Store) byEpoch() bool {
	return s.cfg.Log || s.meta.Format >= epochFormat || s.meta.need().Level >= release.Access
}

// epochs are those of all chains, by their numbers; nil where rows have none. The
// caller holds mu.
func (s *Store) epochs() []epoch {
	if !s.byEpoch() {
		return nil
	}
	s.meta.Format = epochFormat
	all := make([]epoch, len(s.heads))
	for i, h := range s.heads {
		all[i] = s.epochOf(h)
	}
	return all
}

// appendTable appends how the keys of a contract's rows begin: in the one table without
// epochs, else in the other one with the contract's.
func appendTable(key []byte, without, with byte, contract uint32, epochs []epoch) []byte {
	if epochs == nil {
		return binary.BigEndian.AppendUint32(append(key, without), contract)
	}
	key = binary.BigEndian.AppendUint32(append(key, with), contract)
	return binary.BigEndian.AppendUint32(key, uint32(epochs[contract]))
}

// appendKey appends the key of an id's row.
func (k idKey) appendKey(key []byte, epochs []epoch) []byte {
	return append(appendTable(key, idTable, epochIDTable, k.contract, epochs), k.id[:]...)
}

// idOf reads the key of an id's row, with an epoch or without.
func idOf(key []byte) (idKey, error) {
	head := 1 + 4
	if len(key) > 0 && key[0] == epochIDTable {
		head += 4
	}
	if len(key) != head+len(chain.ID{}) {
		return idKey{}, fmt.Errorf("%w: key of an id", engine.ErrCorrupt)
	}
	return idKey{contractOf(key), chain.ID(key[head:])}, nil
}

// placementOnDisk looks for an id in the epochs up to the newest, and where releases
// before them had it.
func placementOnDisk(r pebble.Reader, k idKey, newest int64) (found, error) {
	key := append(binary.BigEndian.AppendUint32(tableKey(epochIDTable, k.contract), 0), k.id[:]...)
	for e := newest; e >= -1; e-- {
		if e >= 0 {
			binary.BigEndian.PutUint32(key[1+4:], uint32(e))
		} else {
			key = k.inTable(idTable)
		}
		row, err := engine.Get(r, key)
		if err != nil {
			return found{}, err
		}
		if row != nil {
			p, err := decodePlacement(row)
			return found{p, true}, err
		}
	}
	return found{}, nil
}
