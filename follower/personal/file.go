package personal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"syscall"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/durable"
)

// openFile opens a bbolt file. What bbolt finds wrong with its content is
// ErrDamaged.
func openFile(path string, o *bbolt.Options) (db *bbolt.DB, err error) {
	err = guarded(func() error {
		db, err = bbolt.Open(path, 0o600, o)
		return err
	})
	var system *fs.PathError
	var number syscall.Errno
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s", errInUse, path)
	case errors.Is(err, ErrDamaged):
		return nil, fmt.Errorf("%s: %w", path, err)
	case errors.As(err, &system), errors.As(err, &number):
		return nil, fmt.Errorf("personal: %w", err)
	}
	return nil, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
}

// isClosed recognises what bbolt says after Close.
func isClosed(err error) bool { return errors.Is(err, berrors.ErrDatabaseNotOpen) }

// guarded turns a panic into ErrDamaged: bbolt believes its file, and panics or
// reads beyond it where it is not as bbolt left it.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			err = fmt.Errorf("%w: reading it panics: %w", ErrDamaged, p)
		default:
			err = fmt.Errorf("%w: reading it panics: %v", ErrDamaged, p)
		}
	}()
	return f()
}

// mapped is guarded for a file that was sound when it was opened: where the disk does not give a page
// of it, that is EIO.
func mapped(f func() error) error { return durable.Unread(guarded(f)) }

// What bbolt writes at the start of a file and into the page of its free list.
const (
	pageHead      = 16
	metaMagic     = 0xED0CDAED
	metaLength    = 64
	metaSumOffset = 56 // FNV-1a of all before it
	freelistPage  = 16
	manyIDs       = 0xFFFF // the count is in the first element then
)

// meta is what one of the two meta pages says.
type meta struct {
	freelist, pages, txid uint64
}

// checkFile checks what bbolt does not. bbolt has two meta pages, written in
// turn, and silently uses the other when one is damaged: then the last write is
// gone, though it was acknowledged. (A crash damages neither: each lies within
// one sector.) And a damaged list of free pages has it write over blocks.
func checkFile(path string, pageSize int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var newest meta
	for page := range int64(2) {
		m, err := readMeta(f, page*pageSize+pageHead)
		if err != nil {
			return fmt.Errorf("meta page %d: %w", page, err)
		}
		if m.txid >= newest.txid {
			newest = m
		}
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < int64(newest.pages)*pageSize {
		return fmt.Errorf("it has %d bytes and should have %d", info.Size(), int64(newest.pages)*pageSize)
	}
	return checkFreelist(f, newest, pageSize)
}

func readMeta(f io.ReaderAt, at int64) (m meta, err error) {
	var text [metaLength]byte
	if _, err := f.ReadAt(text[:], at); err != nil {
		return m, err
	}
	order := binary.NativeEndian
	sum := fnv.New64a()
	sum.Write(text[:metaSumOffset])
	if order.Uint32(text[:]) != metaMagic || order.Uint64(text[metaSumOffset:]) != sum.Sum64() {
		return m, errors.New("its checksum does not match")
	}
	return meta{freelist: order.Uint64(text[32:]), pages: order.Uint64(text[40:]), txid: order.Uint64(text[48:])}, nil
}

// checkFreelist checks that the free pages are listed in order, each in the
// file, as bbolt writes them.
func checkFreelist(f io.ReaderAt, m meta, pageSize int64) error {
	bad := fmt.Errorf("page %d is no list of free pages", m.freelist)
	if m.freelist < 2 || m.freelist >= m.pages {
		return bad
	}
	order := binary.NativeEndian
	r := io.NewSectionReader(f, int64(m.freelist)*pageSize, int64(m.pages-m.freelist)*pageSize)
	var head [pageHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	count := uint64(order.Uint16(head[10:]))
	if order.Uint64(head[:]) != m.freelist || order.Uint16(head[8:]) != freelistPage {
		return bad
	}
	if count == manyIDs {
		if err := binary.Read(r, order, &count); err != nil {
			return err
		}
	}
	if count >= m.pages {
		return bad
	}
	ids := make([]uint64, count)
	if err := binary.Read(r, order, ids); err != nil {
		return err
	}
	before := uint64(1) // pages 0 and 1 are the metas
	for _, id := range ids {
		if id <= before || id >= m.pages {
			return bad
		}
		before = id
	}
	return nil
}

// Check verifies a file that no process uses as Open does, and changes nothing: ErrDamaged,
// or the operating system's error, fs.ErrNotExist where there is none.
func Check(path string) error {
	_, err := inspect(path)
	return err
}

// inspect verifies the file without changing it, and returns its state.
func inspect(path string) (s state, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return s, fmt.Errorf("personal: %w", err)
	}
	if info.Size() == 0 { // bbolt would begin a new one
		return s, fmt.Errorf("%s: %w: it is empty", path, ErrDamaged)
	}
	o := options()
	o.ReadOnly = true
	db, err := openFile(path, o)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = guarded(func() error {
		if err := checkFile(path, int64(db.Info().PageSize)); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return db.View(func(tx *bbolt.Tx) error {
			if err := s.get(tx); err != nil {
				return err
			}
			return s.verify(tx)
		})
	})
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// verify checks the first block, the end of the chain, that it ends where the
// state says, and what is pending.
func (s *state) verify(tx *bbolt.Tx) error {
	all := func([]byte, chain.Hash) bool { return true }
	if err := walkBlocks(tx, 1, 1, all); err != nil {
		return err
	}
	first, last := tail(tx)
	if last != s.Length {
		return fmt.Errorf("%w: the last block is %d, not %d", ErrDamaged, last, s.Length)
	}
	var tip chain.Hash
	err := walkBlocks(tx, first, last, func(_ []byte, hash chain.Hash) bool {
		tip = hash
		return true
	})
	if err != nil {
		return err
	}
	if tip != s.Tip {
		return fmt.Errorf("%w: the last block is another", ErrDamaged)
	}
	return walkItems(tx, s, func([]byte) {})
}

// tail finds the last block and the first of those that are to be verified with
// it.
func tail(tx *bbolt.Tx) (first, last uint64) {
	cursor := tx.Bucket(bucketBlocks).Cursor()
	size := 0
	for k, v := cursor.Last(); len(k) == 8 && size < verifyBytes; k, v = cursor.Prev() {
		first = binary.BigEndian.Uint64(k)
		last = max(last, first)
		size += len(v)
	}
	return first, last
}
