package engine

import "encoding/binary"

// ValueReader reads the value of a row from its start. What it reads once the value is bad is
// zero.
type ValueReader struct {
	Rest []byte // what has not been read
	Bad  bool   // it ended too early, or has what it may not have
}

// Uvarint reads a number up to most.
func (r *ValueReader) Uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.Rest)
	if n <= 0 || v > most {
		r.Rest, r.Bad = nil, true
		return 0
	}
	r.Rest = r.Rest[n:]
	return v
}

// Take fills dst with the next bytes.
func (r *ValueReader) Take(dst []byte) {
	if len(r.Rest) < len(dst) {
		r.Rest, r.Bad = nil, true
		return
	}
	r.Rest = r.Rest[copy(dst, r.Rest):]
}
