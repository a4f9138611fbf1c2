package api

import (
	"strconv"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// JSON is written by appending: no reflection, no allocation. Each function
// appends one member to an object that begins with "{".

// appendKey appends the key of the next member.
func appendKey(dst []byte, key string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(append(append(dst, '"'), key...), `":`...)
}

// appendText appends a text, which must be valid UTF-8.
func appendText(dst []byte, key, value string) []byte {
	return pyjson.AppendString(appendKey(dst, key), value)
}

func appendUint(dst []byte, key string, value uint64) []byte {
	return strconv.AppendUint(appendKey(dst, key), value, 10)
}

func appendHash(dst []byte, key string, value chain.Hash) []byte {
	return append(value.AppendHex(append(appendKey(dst, key), '"')), '"')
}

func appendAmount(dst []byte, key string, value chain.Amount, decimals int) []byte {
	return chain.AppendAmount(appendKey(dst, key), value, decimals)
}

// appendApplied writes the log index of an answer; a follower has no log.
func appendApplied(dst []byte, index uint64) []byte {
	if index == 0 {
		return dst
	}
	return appendUint(dst, "applied_index", index)
}

// appendRaw appends a value that is JSON already.
func appendRaw(dst []byte, key string, value []byte) []byte {
	return append(appendKey(dst, key), value...)
}
