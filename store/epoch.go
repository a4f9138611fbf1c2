package store

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/filter"
	"github.com/bpsc/bpsc/store/keys"
)

// An epoch, see keys.Epoch, has epochRecords records of a chain.

func (s *Store) epochOf(h *Head) keys.Epoch { return keys.Epoch(h.Records / s.cfg.EpochRecords) }

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
func (s *Store) epochs() []keys.Epoch {
	if !s.byEpoch() {
		return nil
	}
	s.meta.Format = epochFormat
	all := make([]keys.Epoch, len(s.heads))
	for i, h := range s.heads {
		all[i] = s.epochOf(h)
	}
	return all
}

// idOf reads the key of an id's row.
func idOf(key []byte) (keys.ID, error) {
	k, ok := keys.ParseID(key)
	if !ok {
		return k, fmt.Errorf("%w: key of an id", engine.ErrCorrupt)
	}
	return k, nil
}

// decidedIn is the filter's source: all ids of a database.
func decidedIn(db *engine.DB) filter.Source {
	return func(ctx context.Context, add func(keys.ID)) error {
		return engine.ScanRange(db, []byte{keys.IDTable}, []byte{keys.EpochIDTable + 1}, func(key, _ []byte) error {
			id, err := idOf(key)
			if err != nil {
				return err
			}
			add(id)
			return ctx.Err()
		})
	}
}

// placementOnDisk looks for an id in the epochs up to the newest, and where releases
// before them had it.
func placementOnDisk(r pebble.Reader, k keys.ID, newest int64) (found, error) {
	key := append(keys.InEpoch(keys.EpochIDTable, k.Contract, 0), k.ID[:]...)
	for e := newest; e >= -1; e-- {
		if e >= 0 {
			binary.BigEndian.PutUint32(key[1+4:], uint32(e))
		} else {
			key = k.In(keys.IDTable)
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
