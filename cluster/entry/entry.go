// Package entry is the format of one entry of the log: a time, and the requests that are
// applied at it. It is the same for ever, for entries are read by later releases and by the
// other members.
package entry

import (
	"errors"
	"fmt"

	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/internal/wireformat"
)

// formatVersion is the format of entries. A log entry is the protobuf message of
// entry.proto; requests are cut out of it without copying them.
const formatVersion = 1

// errUnknown: an entry that this binary does not understand. Skipping it would
// make this member differ from the others, so it is fatal.
var errUnknown = errors.New("unknown log entry")

// Entry is what one raft log entry carries.
type Entry struct {
	Micros   int64 // the leader's clock when it made the entry
	Requests [][]byte
}

// Encode returns the entry's bytes.
func (e Entry) Encode() []byte {
	size := queue.EntryOverhead
	for _, r := range e.Requests {
		size += len(r) + queue.RequestOverhead
	}
	c := wireformat.NewWriter(make([]byte, 0, size))
	e.fields(c)
	return c.Written()
}

// fields lists what entry.proto does, for writing and for reading.
func (e *Entry) fields(c *wireformat.Codec) {
	version := uint64(formatVersion)
	c.Require(1)
	if c.Uint(1, &version); version != formatVersion {
		c.Fail(fmt.Errorf("%w: format %d, this binary knows %d", wireformat.ErrUnexpected, version, formatVersion))
	}
	c.Require(2)
	c.Int(2, &e.Micros)
	wireformat.Repeated(c, 3, &e.Requests, (*wireformat.Codec).Bytes)
}

// Decode is strict: what it does not know it does not skip. The requests
// alias b.
func Decode(b []byte) (e Entry, err error) {
	c := wireformat.NewReader(b)
	e.fields(c)
	switch err := c.Finish(); {
	case len(b) == 0:
		return Entry{}, fmt.Errorf("%w: it is empty", errUnknown)
	case errors.Is(err, wireformat.ErrUnexpected):
		return Entry{}, fmt.Errorf("%w: %w: upgrade this member's binary", errUnknown, err)
	case err != nil:
		return Entry{}, fmt.Errorf("%w: %w", errUnknown, err)
	}
	return e, nil
}
