package raftlog

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
)

// bbolt believes its file. It has no checksum on pages: a flipped bit in the
// number of a page's elements silently shortens the log. And it has two meta
// pages, written in turn, of which it silently uses the other when one is
// damaged: then the last write is gone, though it was acknowledged. (A crash does
// not damage a meta, which lies within one sector.)
//
// So before bbolt opens the file, this checks what it can: both metas, and that
// the elements of each page lie one behind the other without a gap, as bbolt
// writes them, which holds for no other number, position or size. Keys are
// checked to be numbers without holes, and entries have checksums of their own.
type boltFile struct {
	file     *os.File
	pageSize int64
	pages    uint64 // in use, by the newer meta
}

const (
	metaMagic     = 0xED0CDAED
	metaLength    = 64
	metaSumOffset = 56 // FNV-1a of all before it

	pageHead    = 16
	elementSize = 16
	branchPage  = 1
	leafPage    = 2
	maxDepth    = 32 // of a tree; a log of any size has three or four levels
)

// openBoltFile checks both metas.
func openBoltFile(path string) (*boltFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := &boltFile{file: f}
	for page := range int64(2) {
		if err := b.checkMeta(page); err != nil {
			f.Close()
			return nil, fmt.Errorf("meta page %d: %w", page, err)
		}
	}
	return b, nil
}

func (b *boltFile) checkMeta(page int64) error {
	var meta [metaLength]byte
	if _, err := b.file.ReadAt(meta[:], page*b.pageSize+pageHead); err != nil {
		return err
	}
	order := binary.NativeEndian
	sum := fnv.New64a()
	sum.Write(meta[:metaSumOffset])
	if order.Uint32(meta[:]) != metaMagic || order.Uint64(meta[metaSumOffset:]) != sum.Sum64() {
		return fmt.Errorf("its checksum does not match")
	}
	b.pageSize = int64(order.Uint32(meta[8:]))
	b.pages = max(b.pages, order.Uint64(meta[40:]))
	return nil
}

// checkTree checks the pages of a tree from its root.
func (b *boltFile) checkTree(page uint64, depth int) error {
	if page < 2 || page >= b.pages || depth > maxDepth {
		return fmt.Errorf("page %d is not in the file", page)
	}
	var head [pageHead]byte
	at := int64(page) * b.pageSize
	if _, err := b.file.ReadAt(head[:], at); err != nil {
		return fmt.Errorf("page %d: %w", page, err)
	}
	order := binary.NativeEndian
	id, flags := order.Uint64(head[:]), order.Uint16(head[8:])
	count, overflow := int(order.Uint16(head[10:])), int64(order.Uint32(head[12:]))
	if id != page || (flags != branchPage && flags != leafPage) {
		return fmt.Errorf("page %d says it is page %d of type %d", page, id, flags)
	}
	elements := make([]byte, count*elementSize)
	if _, err := b.file.ReadAt(elements, at+pageHead); err != nil {
		return fmt.Errorf("page %d: %w", page, err)
	}
	end := int64(count * elementSize) // of what was laid out so far, behind the head
	for i := range count {
		e := elements[i*elementSize : (i+1)*elementSize]
		pos, size, child := layout(e, flags)
		if end != int64(i*elementSize)+pos {
			return fmt.Errorf("page %d: element %d is out of place", page, i)
		}
		end += size
		if flags == branchPage {
			if err := b.checkTree(child, depth+1); err != nil {
				return err
			}
		}
	}
	if room := (overflow+1)*b.pageSize - pageHead; end > room {
		return fmt.Errorf("page %d: %d bytes in the room of %d", page, end, room)
	}
	return nil
}

// layout reads where an element's key and value are, as seen from the element,
// and their length.
func layout(e []byte, flags uint16) (pos, size int64, child uint64) {
	order := binary.NativeEndian
	if flags == branchPage {
		return int64(order.Uint32(e)), int64(order.Uint32(e[4:])), order.Uint64(e[8:])
	}
	return int64(order.Uint32(e[4:])), int64(order.Uint32(e[8:])) + int64(order.Uint32(e[12:])), 0
}

func (b *boltFile) close() error { return b.file.Close() }
