package chain

import (
	"bytes"
	"encoding/hex"
	"strconv"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// appendFields appends a canonical object of those of the fields that r has; with
// zeros where they are in always.
func appendFields(dst []byte, r *Record, s, always FieldSet, decimals int) []byte {
	start := len(dst)
	for s &= r.parts(); s != 0; s &= s - 1 {
		f := s.first()
		always := always>>f&1 != 0
		switch layout.units[f] {
		case unitText:
			if p := r.text(f); p != nil && (*p != "" || always) {
				dst = pyjson.AppendString(appendKey(dst, start, f), *p)
			}
		case unitAmount:
			if p := r.number(f); p != nil && (*p != 0 || always) {
				dst = AppendAmount(appendKey(dst, start, f), Amount(*p), decimals)
			}
		case unitSeconds:
			if p := r.number(f); *p != 0 || always {
				dst = strconv.AppendInt(appendKey(dst, start, f), *p, 10)
			}
		case unitMicros:
			if p := r.number(f); *p != 0 || always {
				dst = AppendTimestamp(appendKey(dst, start, f), Micros(*p))
			}
		case unitHash, unitSignature:
			if b := r.bytes(f); b != nil && (always || !allZero(b)) {
				dst = append(hex.AppendEncode(append(appendKey(dst, start, f), '"'), b), '"')
			}
		case unitBool:
			if p := r.flag(f); p != nil {
				dst = strconv.AppendBool(appendKey(dst, start, f), *p)
			}
		}
	}
	if len(dst) == start {
		dst = append(dst, '{')
	}
	return append(dst, '}')
}

// appendKey appends the key of a field to an object that begins at start.
func appendKey(dst []byte, start int, f Field) []byte {
	key := layout.keys[f]
	if len(dst) == start {
		dst, key = append(dst, '{'), key[len(", "):]
	}
	return append(dst, key...)
}

// allZero is for what is no longer than a Signature.
func allZero(b []byte) bool {
	var zero Signature
	return bytes.Equal(b, zero[:len(b)])
}
