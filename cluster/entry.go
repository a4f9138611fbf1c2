package cluster

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// A log entry is the protobuf message of entry.proto, with its fields in the
// order of their numbers. It is written by hand because it is the only message
// here, and because requests are cut out of the buffer without copying them.
const (
	entryVersion = 1

	fieldVersion = protowire.Number(1)
	fieldMicros  = protowire.Number(2)
	fieldRequest = protowire.Number(3)
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
	size := entryOverhead
	for _, r := range e.requests {
		size += len(r) + requestOverhead
	}
	b := make([]byte, 0, size)
	b = protowire.AppendTag(b, fieldVersion, protowire.VarintType)
	b = protowire.AppendVarint(b, entryVersion)
	b = protowire.AppendTag(b, fieldMicros, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(e.micros))
	for _, r := range e.requests {
		b = protowire.AppendTag(b, fieldRequest, protowire.BytesType)
		b = protowire.AppendBytes(b, r)
	}
	return b
}

// decodeEntry is strict: what it does not know it does not skip. The requests
// alias b.
func decodeEntry(b []byte) (entry, error) {
	version, b, err := takeVarint(b, fieldVersion)
	if err != nil {
		return entry{}, err
	}
	if version != entryVersion {
		return entry{}, fmt.Errorf("%w: it has format %d, this binary knows %d: upgrade this member's binary",
			errEntry, version, entryVersion)
	}
	micros, b, err := takeVarint(b, fieldMicros)
	if err != nil {
		return entry{}, err
	}
	e := entry{micros: int64(micros)}
	for len(b) > 0 {
		var request []byte
		if request, b, err = takeRequest(b); err != nil {
			return entry{}, err
		}
		e.requests = append(e.requests, request)
	}
	return e, nil
}

func takeVarint(b []byte, want protowire.Number) (value uint64, rest []byte, err error) {
	b, err = takeTag(b, want, protowire.VarintType)
	if err != nil {
		return 0, nil, err
	}
	value, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return 0, nil, fmt.Errorf("%w: field %d: %w", errEntry, want, protowire.ParseError(n))
	}
	return value, b[n:], nil
}

func takeRequest(b []byte) (request, rest []byte, err error) {
	b, err = takeTag(b, fieldRequest, protowire.BytesType)
	if err != nil {
		return nil, nil, err
	}
	request, n := protowire.ConsumeBytes(b)
	if n < 0 {
		return nil, nil, fmt.Errorf("%w: a request: %w", errEntry, protowire.ParseError(n))
	}
	return request, b[n:], nil
}

func takeTag(b []byte, want protowire.Number, wantType protowire.Type) (rest []byte, err error) {
	number, wireType, n := protowire.ConsumeTag(b)
	if n < 0 {
		return nil, fmt.Errorf("%w: %w", errEntry, protowire.ParseError(n))
	}
	if number != want || wireType != wantType {
		return nil, fmt.Errorf("%w: field %d of type %d where %d is expected: upgrade this member's binary",
			errEntry, number, wireType, want)
	}
	return b[n:], nil
}
