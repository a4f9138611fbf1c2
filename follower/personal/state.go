package personal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/bpsc/bpsc/chain"
)

// The buckets of the file. Keys of blocks and items are numbers of eight bytes,
// the most significant first; values are sealed.
var (
	bucketBlocks  = []byte("blocks")
	bucketPending = []byte("pending")
	bucketState   = []byte("state")
	keyState      = []byte("state")
)

const formatVersion = 1

// state is what the file must hold besides: bbolt has no checksums, and a
// damaged page can make the end of a bucket disappear in silence. It changes in
// the same transaction as what it describes.
type state struct {
	Format    uint64
	Length    uint64     // blocks
	Tip       chain.Hash // of the last block
	Timestamp int64      // of the last block, in unix microseconds
	First     uint64     // number of the first pending item
	Next      uint64     // number of the next item to come
	Bytes     uint64     // of the pending items with their separators
}

// pending is how many items wait for the next block.
func (s *state) pending() uint64 { return s.Next - s.First }

// fits tells whether the next block has room for the item.
func (s *state) fits(item []byte) bool {
	return s.pending() < MaxBlockItems && s.Bytes+itemBytes(item) <= MaxBlockBytes
}

// itemBytes is what an item takes of a block.
func itemBytes(item []byte) uint64 { return uint64(len(item) + len(separator)) }

// next is the time for the next block: that of the clock, but never before the
// last block's, and such that a double holds it.
func (s *state) next(now time.Time) int64 {
	return min(max(now.UnixMicro(), s.Timestamp, 0), chain.MaxTimestamp)
}

func (s *state) put(tx *bbolt.Tx) error {
	text, err := binary.Append(nil, binary.BigEndian, s)
	if err != nil {
		return err
	}
	return tx.Bucket(bucketState).Put(keyState, seal(text))
}

// get reads the state and checks what it can about the buckets as a whole.
func (s *state) get(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketState, bucketBlocks, bucketPending} {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: there is no bucket %q", ErrDamaged, name)
		}
	}
	text, _, err := unseal(tx.Bucket(bucketState).Get(keyState))
	if err != nil {
		return err
	}
	r := bytes.NewReader(text)
	if err := binary.Read(r, binary.BigEndian, s); err != nil || r.Len() > 0 {
		return fmt.Errorf("%w: the state has %d bytes", ErrDamaged, len(text))
	}
	if s.Format != formatVersion {
		return fmt.Errorf("personal: the file has format %d, this binary knows %d", s.Format, formatVersion)
	}
	return nil
}

func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
