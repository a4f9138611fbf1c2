package personal

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// used writes a chain with small and large blocks and with pending information,
// and returns its file and what it holds.
func used(t *testing.T) (path string, blocks, pending []string) {
	t.Helper()
	c, path := newChain(t)
	for i := range 40 {
		add(t, c, `"`+strings.Repeat(strconv.Itoa(i%10), 1+i*i*5)+`"`)
		if i%2 == 0 {
			forge(t, c)
		}
	}
	add(t, c, `"the last"`)
	blocks = texts(t, c, 1, 0)
	require.NoError(t, c.Close())
	c = openChain(t, copyFile(t, path))
	return path, blocks, information(t, forge(t, c).Canonical)
}

// read opens a file and reads all that it holds.
func read(path string) (blocks []string, forged []byte, err error) {
	c, err := Open(path, newClock(noon).now)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	err = c.Blocks(1, 0, func(_ uint64, text []byte) error {
		blocks = append(blocks, string(text))
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	b, err := c.Forge()
	return blocks, b.Canonical, err
}

func TestTruncatedFile(t *testing.T) {
	path, _, _ := used(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	inUse := len(bytes.TrimRight(data, "\x00"))
	for _, size := range []int{0, 1, 4096, 8191, 2 * 8192, inUse / 2, inUse - 1} {
		require.NoError(t, os.WriteFile(path, data[:size], 0o600))
		_, err := Open(path, newClock(noon).now)
		require.ErrorIs(t, err, ErrDamaged, "%d bytes", size)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, data[:size], after, "what is damaged is left as it is")
	}
}

// The file is mapped: a page that the disk does not give ends no process, and is the disk's error, not
// damage, for which somebody would have the chain make way.
func TestAPageThatTheDiskDoesNotGive(t *testing.T) {
	path, _, _ := used(t)
	c := openChain(t, path)
	defer c.Close()
	require.NoError(t, os.Truncate(path, 2*8192)) // whoever reads behind its end gets what a bad sector gives
	err := c.Blocks(1, 0, func(uint64, []byte) error { return nil })
	require.ErrorIs(t, err, syscall.EIO)
	require.NotErrorIs(t, err, ErrDamaged)
}

// Wherever a byte flips, the chain is refused as damaged, or it is what it was.
func TestFlippedBytes(t *testing.T) {
	path, blocks, pending := used(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	const rounds = 150
	refused := 0
	for round := range rounds {
		spoiled := bytes.Clone(data)
		at := (round*len(data) + rand.IntN(len(data))) / rounds
		if round < 20 {
			at = rand.IntN(4 * os.Getpagesize()) // where it hurts most
		}
		bit := byte(1) << rand.IntN(8)
		spoiled[at] ^= bit
		require.NoError(t, os.WriteFile(path, spoiled, 0o600))
		got, forged, err := read(path)
		if err != nil {
			require.ErrorIs(t, err, ErrDamaged, "byte %d, bit %d", at, bit)
			refused++
			continue
		}
		require.Equal(t, blocks, got, "byte %d, bit %d", at, bit)
		require.Equal(t, pending, information(t, forged), "byte %d, bit %d", at, bit)
	}
	require.NotZero(t, refused)
	require.Less(t, refused, rounds) // some are in pages that are free
}

// A page that is in use and listed as free would be written over.
func TestDamagedListOfFreePages(t *testing.T) {
	path, _, _ := used(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	pageSize := os.Getpagesize()
	var newest meta
	for page := range 2 {
		m, err := readMeta(bytes.NewReader(data), int64(page*pageSize+pageHead))
		require.NoError(t, err)
		if m.txid >= newest.txid {
			newest = m
		}
	}
	list := data[int(newest.freelist)*pageSize:]
	order := binary.NativeEndian
	first := order.Uint64(list[pageHead:])
	require.Greater(t, order.Uint16(list[10:]), uint16(1))
	for name, spoil := range map[string]func(){
		"a meta page":          func() { order.PutUint64(list[pageHead:], 1) },
		"beyond the end":       func() { order.PutUint64(list[pageHead:], newest.pages) },
		"a page twice":         func() { order.PutUint64(list[pageHead+8:], first) },
		"too many":             func() { order.PutUint16(list[10:], 0xfffe) },
		"too many for a short": func() { order.PutUint16(list[10:], 0xffff); order.PutUint64(list[pageHead:], 1<<40) },
		"another page":         func() { order.PutUint64(list, newest.freelist+1) },
		"another kind of page": func() { order.PutUint16(list[8:], 2) },
	} {
		t.Run(name, func(t *testing.T) {
			good := bytes.Clone(list[:pageSize])
			defer copy(list, good)
			spoil()
			require.NoError(t, os.WriteFile(path, data, 0o600))
			_, err := Open(path, newClock(noon).now)
			require.ErrorIs(t, err, ErrDamaged)
			require.ErrorContains(t, err, "free pages")
		})
	}
}

// What bbolt finds in order may still be another chain.
func TestChangedContent(t *testing.T) {
	path, _, _ := used(t)
	last := key(21)
	copyOf := func(tx *bbolt.Tx, bucket []byte, n uint64) []byte { return bytes.Clone(tx.Bucket(bucket).Get(key(n))) }
	for name, change := range map[string]func(tx *bbolt.Tx) error{
		"the last block is gone": func(tx *bbolt.Tx) error { return tx.Bucket(bucketBlocks).Delete(last) },
		"a block is gone":        func(tx *bbolt.Tx) error { return tx.Bucket(bucketBlocks).Delete(key(9)) },
		"the first block is gone": func(tx *bbolt.Tx) error {
			return tx.Bucket(bucketBlocks).Delete(key(1))
		},
		"a block too many": func(tx *bbolt.Tx) error {
			return tx.Bucket(bucketBlocks).Put(key(22), copyOf(tx, bucketBlocks, 21))
		},
		"another key": func(tx *bbolt.Tx) error { return tx.Bucket(bucketBlocks).Put([]byte("x"), nil) },
		"a block twice": func(tx *bbolt.Tx) error {
			return tx.Bucket(bucketBlocks).Put(key(9), copyOf(tx, bucketBlocks, 8))
		},
		"a block with another hash": func(tx *bbolt.Tx) error {
			text := copyOf(tx, bucketBlocks, 9)
			text[0]++
			return tx.Bucket(bucketBlocks).Put(key(9), text)
		},
		"a block forged anew": func(tx *bbolt.Tx) error {
			text := copyOf(tx, bucketBlocks, 9)[32:]
			return tx.Bucket(bucketBlocks).Put(key(9), seal(bytes.Replace(text, []byte("0"), []byte("5"), 1)))
		},
		"the last block forged anew": func(tx *bbolt.Tx) error {
			text := copyOf(tx, bucketBlocks, 21)[32:]
			return tx.Bucket(bucketBlocks).Put(last, seal(bytes.Replace(text, []byte("88"), []byte("89"), 1)))
		},
		"an empty block":             func(tx *bbolt.Tx) error { return tx.Bucket(bucketBlocks).Put(key(9), nil) },
		"no blocks":                  func(tx *bbolt.Tx) error { return tx.DeleteBucket(bucketBlocks) },
		"no state":                   func(tx *bbolt.Tx) error { return tx.Bucket(bucketState).Delete(keyState) },
		"a short state":              func(tx *bbolt.Tx) error { return tx.Bucket(bucketState).Put(keyState, seal([]byte("x"))) },
		"pending information gone":   func(tx *bbolt.Tx) error { return tx.Bucket(bucketPending).Delete(key(40)) },
		"pending information forged": func(tx *bbolt.Tx) error { return tx.Bucket(bucketPending).Put(key(40), seal([]byte("1"))) },
		"pending information spoilt": func(tx *bbolt.Tx) error { return tx.Bucket(bucketPending).Put(key(40), []byte("1")) },
	} {
		t.Run(name, func(t *testing.T) {
			spoiled := copyFile(t, path)
			db, err := bbolt.Open(spoiled, 0o600, nil)
			require.NoError(t, err)
			require.NoError(t, db.Update(change))
			require.NoError(t, db.Close())
			_, err = Open(spoiled, newClock(noon).now)
			require.ErrorIs(t, err, ErrDamaged)
		})
	}
}

// Blocks that Open does not look at are verified when they are read; those
// before the damage are still given.
func TestDamageThatIsFoundLater(t *testing.T) {
	c, _ := newChain(t)
	for range 9 {
		forge(t, c)
	}
	require.NoError(t, c.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketBlocks).Put(key(6), seal([]byte("another")))
	}))
	count := 0
	err := c.Blocks(1, 0, func(uint64, []byte) error { count++; return nil })
	require.ErrorIs(t, err, ErrDamaged)
	require.Equal(t, 5, count)
	require.Len(t, texts(t, c, 8, 0), 3)

	require.NoError(t, c.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketPending).Put(key(0), nil) }))
	_, err = c.Forge()
	require.ErrorIs(t, err, ErrDamaged)
}

// A newer binary's file is not damaged, and not touched.
func TestNewerFormat(t *testing.T) {
	c, path := newChain(t)
	newer := c.state
	newer.Format++
	require.NoError(t, c.db.Update(newer.put))
	require.NoError(t, c.Close())
	_, err := Open(path, newClock(noon).now)
	require.ErrorContains(t, err, "format 2")
	require.NotErrorIs(t, err, ErrDamaged)
}
