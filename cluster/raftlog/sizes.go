package raftlog

import (
	"slices"
	"sync"

	"github.com/hashicorp/raft"
)

// sizes counts the bytes of the entries of a log, which are between a hundred bytes
// and half a megabyte. It costs four bytes for each.
//
// Safe for concurrent use; mu guards all of it.
type sizes struct {
	mu    sync.Mutex
	first uint64   // index of the first entry; of no meaning where there are none
	of    []uint32 // in the order of the log; 0 for one that is missing
	total uint64
}

// note adds an entry, which may be behind a gap.
func (s *sizes) note(index uint64, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.of) == 0 || index < s.first || index-s.first > uint64(len(s.of))+maxGap {
		s.first, s.of, s.total = index, s.of[:0], 0
	}
	for index-s.first >= uint64(len(s.of)) {
		s.of = append(s.of, 0)
	}
	s.total += uint64(size) - uint64(s.of[index-s.first])
	s.of[index-s.first] = uint32(size)
}

// maxGap is how many missing entries are counted one by one. What is before a larger
// gap, which a snapshot leapt over, is about to be cut.
const maxGap = 1 << 16

// cut removes entries, the first and the last one among them.
func (s *sizes) cut(first, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.of) == 0 || last < s.first {
		return
	}
	length := uint64(len(s.of))
	from, to := min(max(first, s.first)-s.first, length), min(last-s.first+1, length)
	for _, size := range s.of[from:to] {
		s.total -= uint64(size)
	}
	if from == 0 {
		s.first += to
	}
	s.of = slices.Delete(s.of, int(from), int(to))
}

// bytes is how large all entries are together.
func (s *sizes) bytes() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// newest is how many of the newest entries have so many bytes at most, all together.
func (s *sizes) newest(bytes uint64) (entries uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, size := range slices.Backward(s.of) {
		if uint64(size) > bytes {
			break
		}
		bytes -= uint64(size)
		entries++
	}
	return entries
}

// sizeOf is about what an entry takes in the file.
func sizeOf(l *raft.Log) int { return len(l.Data) + len(l.Extensions) + entryOverhead }

// entryOverhead is what an entry takes besides its data: names of fields, numbers, the
// key, and its place in a page.
const entryOverhead = 100
