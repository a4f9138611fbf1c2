package cluster

import (
	"errors"
	"fmt"

	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/internal/wireformat"
)

// A log entry is the protobuf message of entry.proto, with its fields in the
// order of their numbers. It is written by hand because requests are cut out of
// the buffer without copying them.
const (
	entryVersion = 1

	fieldVersion = 1
	fieldMicros  = 2
	fieldRequest = 3
)

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
	b := wireformat.AppendUint(make([]byte, 0, size), fieldVersion, entryVersion)
	b = wireformat.AppendUint(b, fieldMicros, uint64(e.micros))
	for _, r := range e.requests {
		b = wireformat.AppendBytes(b, fieldRequest, r)
	}
	return b
}

// decodeEntry is strict: what it does not know it does not skip. The requests
// alias b.
func decodeEntry(b []byte) (e entry, err error) {
	version, timed := uint64(0), false
	r := wireformat.NewReader(b)
	for r.Next() {
		switch r.Number() {
		case fieldVersion:
			if version = r.Uint(); version != entryVersion {
				r.Fail(fmt.Errorf("%w: format %d, this binary knows %d", wireformat.ErrUnexpected, version, entryVersion))
			}
		case fieldMicros:
			e.micros, timed = r.Int(), true
		case fieldRequest:
			e.requests = append(e.requests, r.Repeated())
		}
	}
	switch err := r.Err(); {
	case errors.Is(err, wireformat.ErrUnexpected):
		return entry{}, fmt.Errorf("%w: %w: upgrade this member's binary", errEntry, err)
	case err != nil:
		return entry{}, fmt.Errorf("%w: %w", errEntry, err)
	case len(b) == 0:
		return entry{}, fmt.Errorf("%w: it is empty", errEntry)
	case version == 0 || !timed:
		return entry{}, fmt.Errorf("%w: it lacks its version or its time: upgrade this member's binary", errEntry)
	}
	return e, nil
}
