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

	buckets = [][]byte{bucketState, bucketBlocks, bucketPending}
)

const formatVersion = 1

// state is what the file must hold besides: bbolt has no checksums, and a
// damaged page can make the end of a bucket disappear in silence. It changes in
// the same transaction as what it describes.
type state struct {
	Format    uint64
	Length    uint64       // blocks
	Tip       chain.Hash   // of the last block
	Timestamp chain.Micros // of the last block
	First     uint64       // number of the first pending item
	Next      uint64       // number of the next item to come
	Bytes     uint64       // of the pending items with their separators
}

// fits tells whether the next block has room for the item.
func (s *state) fits(item []byte) bool {
	return s.Next-s.First < maxBlockItems && s.Bytes+itemBytes(item) <= maxBlockBytes
}

// itemBytes is what an item takes of a block.
func itemBytes(item []byte) uint64 { return uint64(len(item) + len(separator)) }

// next is the time for the next block: that of the clock, but never before the
// last block's, and such that a double holds it.
func (s *state) next(now time.Time) chain.Micros {
	return min(max(chain.MicrosOf(now), s.Timestamp, 0), chain.MaxTimestamp)
}

// after is the state once the block has been made of all that is pending.
func (s state) after(b *Block, at chain.Micros) state {
	s.Length, s.Tip, s.Timestamp = b.Index, chain.HashBytes(b.Canonical), at
	s.First, s.Bytes = s.Next, 0
	return s
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
	for _, name := range buckets {
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

func putBlock(tx *bbolt.Tx, b *Block) error {
	blocks := tx.Bucket(bucketBlocks)
	blocks.FillPercent = 0.9 // nothing is ever put between blocks
	return blocks.Put(key(b.Index), seal(b.Canonical))
}

// walkItems checks the pending items against the state and visits each.
func walkItems(tx *bbolt.Tx, s *state, visit func(item []byte)) error {
	number, size := s.First, uint64(0)
	err := tx.Bucket(bucketPending).ForEach(func(k, v []byte) error {
		item, _, err := unseal(v)
		if err != nil || string(k) != string(key(number)) {
			return fmt.Errorf("%w: pending information %d is not there as it was written", ErrDamaged, number)
		}
		number++
		size += itemBytes(item)
		visit(item)
		return nil
	})
	if err == nil && (number != s.Next || size != s.Bytes) {
		err = fmt.Errorf("%w: pending information up to number %d, not %d", ErrDamaged, number, s.Next)
	}
	return err
}

// walkBlocks checks the blocks of a span one after the other and visits each
// until visit says that it is enough.
func walkBlocks(tx *bbolt.Tx, first, last uint64, visit func(text []byte, hash chain.Hash) bool) error {
	blocks := tx.Bucket(bucketBlocks)
	previous := chain.GenesisPrevious
	if first > 1 {
		var hash chain.Hash
		copy(hash[:], blocks.Get(key(first-1)))
		previous = hash.String()
	}
	cursor := blocks.Cursor()
	k, v := cursor.Seek(key(first))
	for index := first; index <= last; index++ {
		if !bytes.Equal(k, key(index)) {
			return fmt.Errorf("%w: there is no block %d", ErrDamaged, index)
		}
		text, hash, err := unseal(v)
		if err != nil {
			return fmt.Errorf("block %d: %w", index, err)
		}
		if !follows(text, index, previous) {
			return fmt.Errorf("%w: block %d does not follow the one before", ErrDamaged, index)
		}
		if !visit(text, hash) {
			return nil
		}
		previous = hash.String()
		k, v = cursor.Next()
	}
	return nil
}

func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
