package pyjson

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const hex = "0123456789abcdef"

// short holds the letter of each two-character escape, 0 where there is none.
var short = [utf8.RuneSelf]byte{
	'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '"': '"', '\\': '\\',
}

// AppendString appends s in quotes as Python's json.dumps writes it: printable
// ASCII as it is, \b \f \n \r \t \" \\ short, everything else as \uXXXX in
// lower-case hex, with surrogate pairs above U+FFFF. It allocates only to grow
// dst.
//
// s must be valid UTF-8, which the caller checks ([utf8.ValidString]) or has
// from a [Scanner]: an invalid byte would come out as \ufffd, and two different
// strings would then share one text.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for {
		n := Plain(s)
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return append(dst, '"')
		}
		r, size := utf8.DecodeRuneInString(s[n:])
		dst = appendEscape(dst, r)
		s = s[n+size:]
	}
}

// appendEscape appends a character that may not stand for itself.
func appendEscape(dst []byte, r rune) []byte {
	switch {
	case r < utf8.RuneSelf && short[r] != 0:
		return append(dst, '\\', short[r])
	case r > 0xffff:
		high, low := utf16.EncodeRune(r)
		return appendUnit(appendUnit(dst, high), low)
	}
	return appendUnit(dst, r)
}

// appendUnit appends one UTF-16 code unit.
func appendUnit(dst []byte, u rune) []byte {
	return append(dst, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
}

// AppendFloat appends Python's repr of f: the fewest digits that read back as
// f, with an exponent from 1e16 up and below 1e-4, and always with a point or
// an exponent: 100.0, 5e-05, 1e+16, -0.0. f must be finite.
func AppendFloat(dst []byte, f float64) []byte {
	if size := math.Abs(f); size != 0 && (size < 1e-4 || size >= 1e16) {
		// Go and Python agree on an exponent of at least two digits.
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if bytes.IndexByte(dst[start:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}
