package raftlog

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/hashicorp/raft-wal/types"
)

// raft-wal believes its files. When it opens a log it looks at the last write alone, and
// takes a frame that makes no sense for the end of the log, wherever it stands: a flipped
// bit in the middle drops in silence all that was acknowledged after it. So before it
// opens them, this reads all segments.
//
// A segment is a head, and then writes, each of which ends with a commit frame:
//
//	head   magic (4 bytes), 0 (3), version (1), first index, id, codec (8 bytes each)
//	frame  type (1), 0 (3), length or checksum (4), payload, 0 up to a multiple of 8
//
// A commit frame has no payload, but the CRC-32C of all behind the commit frame before it.
// In the last write of a sealed segment stands an index of all entries' places. All
// numbers are little-endian; behind the last write there are zeros.
const (
	segmentMagic = 0x58eb6b0d
	segmentHead  = 32
	frameHead    = 8

	frameEntry  = 1
	frameIndex  = 2
	frameCommit = 3

	maxFrame = 64 << 20 // that of an entry

	// sector is what a disk writes whole or not at all.
	sector = 512
)

// errTorn: the last write is not all there, so that it was never acknowledged.
var errTorn = errors.New("its last write was cut short")

// segmentFile is what a segment has in it.
type segmentFile struct {
	base, id, codec uint64
	sizes           []int // of each entry
	end             int   // behind the last whole write; 0 where there is none
	index           int   // where the places of the entries stand; 0 where it is not sealed
	places          []uint32
}

// readSegment reads a segment. With errTorn all up to the end is sound.
func readSegment(b []byte) (s segmentFile, _ error) {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	start, at := 0, segmentHead
	var sizes []int // of the write that begins at start
	var places []uint32
	index := 0
	for at+frameHead <= len(b) {
		kind, size := frame(b[at:])
		switch {
		case kind == frameCommit && crc32.Checksum(b[start:at], castagnoli) == uint32(size):
			s.sizes, s.places = append(s.sizes, sizes...), append(s.places, places...)
			s.index = index
			at += frameHead
			start, s.end, sizes, places = at, at, nil, nil
			if index > 0 {
				return s, s.finish(b)
			}
			continue
		case kind == frameEntry && index == 0:
			sizes, places = append(sizes, size), append(places, uint32(at))
		case kind == frameIndex && index == 0:
			index = at + frameHead
		default:
			return s, cmp.Or(s.finish(b), judge(b, start))
		}
		at += frameHead + padded(size)
	}
	return s, cmp.Or(s.finish(b), judge(b, start))
}

// finish reads the head, and checks the index, of what has at least one whole write.
func (s *segmentFile) finish(b []byte) error {
	if s.end == 0 {
		return nil
	}
	order := binary.LittleEndian
	if order.Uint64(b) != segmentMagic {
		return errors.New("it is no segment of a log")
	}
	s.base, s.id, s.codec = order.Uint64(b[8:]), order.Uint64(b[16:]), order.Uint64(b[24:])
	if s.index == 0 {
		return nil
	}
	for i, place := range s.places {
		if at := s.index + 4*i; at+4 > s.end || order.Uint32(b[at:]) != place {
			return fmt.Errorf("its index is wrong at entry %d", s.base+uint64(i))
		}
	}
	if inUse(b[s.end:]) > 0 {
		return errors.New("something stands behind its index")
	}
	return nil
}

// frame reads the head of a frame: its type, 0 for none, and the length of its payload,
// or for a commit frame the checksum.
func frame(b []byte) (kind byte, size int) {
	n := binary.LittleEndian.Uint32(b[4:])
	if b[0] > frameCommit || b[1]|b[2]|b[3] != 0 || b[0] != frameCommit && n > maxFrame {
		return 0, 0
	}
	return b[0], int(n)
}

// inUse is the length of b without the zeros at its end, of which there may be megabytes.
func inUse(b []byte) int {
	var none [4096]byte
	for n := len(b); n > 0; n = len(b) {
		part := b[max(n-len(none), 0):]
		if !bytes.Equal(part, none[:len(part)]) {
			return n - len(part) + len(bytes.TrimRight(part, "\x00"))
		}
		b = b[:n-len(part)]
	}
	return 0
}

func padded(n int) int { return (n + 7) &^ 7 }

// judge tells whether what stands at start, where no whole write does, is a write that
// was cut short, by the power or with the process. Then it is the last one, and was never
// acknowledged: errTorn. A write that was whole once, and is not what it was, is damage.
//
// Where the power fails, some sectors of a write are there and others hold what they held
// before, zeros. Where the process is killed, the beginning is there. So it was cut short
// if a sector is missing between others, or if its frames, all of them sound, go on behind
// the last byte. If its last byte is that of a commit frame it had come to its end.
func judge(b []byte, start int) error {
	end := start + inUse(b[start:])
	if end == start {
		return nil
	}
	for from := start; from < end; {
		to := min((from/sector+1)*sector, len(b))
		if inUse(b[from:to]) == 0 {
			return errTorn
		}
		from = to
	}
	at := start
	if start == 0 {
		at = segmentHead
	}
	for at < end && at+frameHead <= len(b) {
		kind, size := frame(b[at:])
		if kind == 0 || kind == frameCommit {
			return fmt.Errorf("what was written at byte %d is not what it was", start)
		}
		at += frameHead + padded(size)
	}
	if last := padded(end) - frameHead; last > start && last+frameHead <= len(b) {
		if kind, _ := frame(b[last:]); kind == frameCommit {
			return fmt.Errorf("what was written at byte %d is not what it was", start)
		}
	}
	return errTorn
}

// fits checks a segment against the list of segments.
func (s *segmentFile) fits(info types.SegmentInfo) error {
	sealed := !info.SealTime.IsZero()
	last := info.BaseIndex + uint64(len(s.sizes)) - 1
	switch {
	case info.MinIndex < info.BaseIndex:
		return fmt.Errorf("it begins with entry %d, and should with %d", info.BaseIndex, info.MinIndex)
	case s.end > 0 && (s.base != info.BaseIndex || s.id != info.ID || s.codec != info.Codec):
		return errors.New("it is another segment")
	case sealed && (s.end == 0 || s.index == 0 || uint64(s.index) != info.IndexStart):
		return errors.New("it is not whole")
	case sealed && (info.MaxIndex > last || info.MaxIndex < info.MinIndex):
		return fmt.Errorf("it ends with entry %d, and should with %d", last, info.MaxIndex)
	case !sealed && (info.MaxIndex != 0 || info.IndexStart != 0):
		return errors.New("it is the last one, and the list has its end")
	}
	return nil
}
