package memory

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"path/filepath"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/internal/durable"
)

// starts is how often a member has started on its directory. Each start has a
// number and, because a directory that went back in time counts on from where it
// was, a random mark as well: two starts with one number are told apart by it.
// A start is on disk before anybody hears of it.
type starts struct {
	Format  int      `json:"format"`
	Dropped uint64   `json:"dropped"` // starts whose marks are not kept any more
	Marks   []uint64 `json:"marks"`   // of the starts behind those, in order
}

const (
	startsFormat = 1

	// Starts of which the mark is kept: what somebody remembers who was away for
	// longer than that many starts cannot be checked against them.
	maxStartMarks = 1024
)

// Start is one of them.
type Start struct {
	Number uint64 `json:"number"` // 1 for the first
	Mark   uint64 `json:"mark"`
}

func (s Start) String() string { return fmt.Sprintf("start %d (%016x)", s.Number, s.Mark) }

func readStarts(dir string) (starts, error) {
	s := starts{Format: startsFormat}
	path := filepath.Join(dir, datadir.StartsFile)
	_, err := datadir.Read(path, &s)
	if err == nil && s.Format != startsFormat {
		err = fmt.Errorf("cluster: %s has format %d, this binary knows %d", path, s.Format, startsFormat)
	}
	return s, err
}

// begin adds a start and makes it durable.
func (s starts) begin(dir string) (starts, error) {
	var mark [8]byte
	if _, err := rand.Read(mark[:]); err != nil {
		return s, err
	}
	s.Marks = append(s.Marks, binary.BigEndian.Uint64(mark[:]))
	if n := len(s.Marks) - maxStartMarks; n > 0 {
		s.Dropped, s.Marks = s.Dropped+uint64(n), s.Marks[n:]
	}
	return s, durable.WriteSealed(filepath.Join(dir, datadir.StartsFile), s)
}

// current is the start that runs.
func (s starts) current() Start {
	if len(s.Marks) == 0 {
		return Start{}
	}
	return Start{Number: s.Dropped + uint64(len(s.Marks)), Mark: s.Marks[len(s.Marks)-1]}
}

// had tells whether a start that somebody remembers is one of these. Of those
// too old to be told, it is believed.
func (s starts) had(known Start) bool {
	switch {
	case known.Number <= s.Dropped:
		return true
	case known.Number > s.current().Number:
		return false
	}
	return s.Marks[known.Number-s.Dropped-1] == known.Mark
}
