package cluster

import (
	"errors"
	"fmt"

	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/internal/wireformat"
)

// entryVersion is the format of entries. A log entry is the protobuf message of
// entry.proto; requests are cut out of it without copying them.
const entryVersion = 1

// errEntry: an entry that this binary does not understand. Skipping it would
// make this member differ from the others, so it is fatal.
var errEntry = errors.New("unknown log entry")

// entry is what one raft log entry carries.
type entry struct {
	micros   int64 // the leader's clock when it made the entry
	requests [][]byte
}

// encode returns the entry's bytes.
func (e entry) encode() []byte {
	size := queue.EntryOverhead
	for _, r := range e.requests {
		size += len(r) + queue.RequestOverhead
	}
	c := wireformat.NewWriter(make([]byte, 0, size))
	e.fields(c)
	return c.Written()
}

// fields lists what entry.proto does, for writing and for reading.
func (e *entry) fields(c *wireformat.Codec) {
	version := uint64(entryVersion)
	c.Require(1)
	if c.Uint(1, &version); version != entryVersion {
		c.Fail(fmt.Errorf("%w: format %d, this binary knows %d", wireformat.ErrUnexpected, version, entryVersion))
	}
	c.Require(2)
	c.Int(2, &e.micros)
	wireformat.Repeated(c, 3, &e.requests, (*wireformat.Codec).Bytes)
}

// decodeEntry is strict: what it does not know it does not skip. The requests
// alias b.
func decodeEntry(b []byte) (e entry, err error) {
	c := wireformat.NewReader(b)
	e.fields(c)
	switch err := c.Finish(); {
	case len(b) == 0:
		return entry{}, fmt.Errorf("%w: it is empty", errEntry)
	case errors.Is(err, wireformat.ErrUnexpected):
		return entry{}, fmt.Errorf("%w: %w: upgrade this member's binary", errEntry, err)
	case err != nil:
		return entry{}, fmt.Errorf("%w: %w", errEntry, err)
	}
	return e, nil
}
