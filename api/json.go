package api

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// sendValue answers with what encoding/json makes of v.
func (s *server) sendValue(c *gin.Context, status int, v any) error {
	text, err := encode(v)
	if err == nil {
		s.sendJSON(c, status, text)
	}
	return err
}

func encode(v any) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return text.Bytes(), err
}

// decimal is an amount of tokens in JSON, to the last of its places.
type decimal struct {
	amount chain.Amount
	places int
}

// IsZero lets omitzero leave out an amount of nothing.
func (d decimal) IsZero() bool { return d.amount == 0 }

// MarshalJSON implements json.Marshaler.
func (d decimal) MarshalJSON() ([]byte, error) {
	return chain.AppendAmount(nil, d.amount, d.places), nil
}

// timestamp is a time in JSON: seconds since 1970 with all their places.
type timestamp chain.Micros

// MarshalJSON implements json.Marshaler.
func (t timestamp) MarshalJSON() ([]byte, error) {
	return chain.AppendTimestamp(nil, chain.Micros(t)), nil
}

// Answers to writes, and what holds canonical text that clients may hash, are
// written by appending: no reflection, no allocation, not a byte changed. Each
// function appends one member to an object that begins with "{".

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

// appliedAt is the log index of an answer; a follower, which has no log, leaves
// it out.
type appliedAt struct {
	Index uint64 `json:"applied_index,omitempty"`
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
