// Package jsonobject writes JSON by appending: answers to writes, and what holds canonical
// text that clients may hash. There is no reflection, no allocation, and not a byte of that
// text is changed. Each function appends one member to an object that begins with "{".
package jsonobject

import (
	"strconv"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// AppendKey appends the key of the next member.
func AppendKey(dst []byte, key string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(append(append(dst, '"'), key...), `":`...)
}

// AppendText appends a text, which must be valid UTF-8.
func AppendText(dst []byte, key, value string) []byte {
	return pyjson.AppendString(AppendKey(dst, key), value)
}

// AppendUint appends a number.
func AppendUint(dst []byte, key string, value uint64) []byte {
	return strconv.AppendUint(AppendKey(dst, key), value, 10)
}

// AppendHash appends a hash or an id, in hex.
func AppendHash(dst []byte, key string, value chain.Hash) []byte {
	return append(value.AppendHex(append(AppendKey(dst, key), '"')), '"')
}

// AppendRaw appends a value that is JSON already.
func AppendRaw(dst []byte, key string, value []byte) []byte {
	return append(AppendKey(dst, key), value...)
}
