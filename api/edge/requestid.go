package edge

import (
	"encoding/hex"
	"io"
	"strconv"
	"sync/atomic"
)

// RequestIDs names requests: a random prefix for each start of the process and
// a count.
type RequestIDs struct {
	prefix string
	count  *atomic.Uint64
}

// NewRequestIDs draws the prefix from random.
func NewRequestIDs(random io.Reader) (RequestIDs, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(random, prefix[:]); err != nil {
		return RequestIDs{}, err
	}
	return RequestIDs{prefix: hex.EncodeToString(prefix[:]) + "-", count: new(atomic.Uint64)}, nil
}

// Of returns the id the client gave if it is fit for a log, else a new one.
func (r RequestIDs) Of(given []string) string {
	if len(given) == 1 && validRequestID(given[0]) {
		return given[0]
	}
	var buf [32]byte
	return string(strconv.AppendUint(append(buf[:0], r.prefix...), r.count.Add(1), 10))
}

func validRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return true
}
