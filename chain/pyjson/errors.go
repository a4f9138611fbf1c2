package pyjson

import (
	"errors"
	"fmt"
	"strings"
)

// Why a text is refused. Every error carries the byte offset and one of these,
// found with [errors.Is].
var (
	ErrSyntax       = errors.New("json: invalid syntax")
	ErrUTF8         = errors.New("json: string is not valid UTF-8")
	ErrSurrogate    = errors.New("json: lone surrogate")
	ErrDuplicateKey = errors.New("json: duplicate key")
	ErrRange        = errors.New("json: number overflows a double")
	ErrNotFinite    = errors.New("json: NaN and Infinity are not JSON")
	ErrDepth        = errors.New("json: nested too deep")
	ErrTrailing     = errors.New("json: data after the value")

	// ErrKind means that the text is well-formed so far, but holds another kind
	// of value than the caller asked for.
	ErrKind = errors.New("json: another kind of value")
)

// fail puts the offset on a sentinel.
func fail(sentinel error, offset int) error {
	return fmt.Errorf("%w at byte %d", sentinel, offset)
}

// unexpected explains why nothing valid can begin or go on at the offset i.
func (s *Scanner) unexpected(i int) error {
	if i >= len(s.src) {
		return fmt.Errorf("%w at byte %d: unexpected end", ErrSyntax, i)
	}
	rest := string(s.src[i:min(i+len("Infinity"), len(s.src))])
	// Python reads and writes these words; no other language has to.
	if strings.HasPrefix(rest, "NaN") || rest == "Infinity" {
		return fail(ErrNotFinite, i)
	}
	return fmt.Errorf("%w at byte %d: unexpected %q", ErrSyntax, i, s.src[i:i+1])
}
