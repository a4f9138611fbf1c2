package pyjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string. The result is a part of src when there is no escape in
// it, else it stands in buf until the next call.
func (s *Scanner) text() ([]byte, error) {
	if err := s.expect(KindString); err != nil {
		return nil, err
	}
	s.buf = s.buf[:0]
	start := s.pos + 1 // of what is not in buf yet
	for i := start; ; {
		i += Plain(s.src[i:])
		switch s.at(i) {
		case '"':
			return s.closeText(start, i), nil
		case '\\':
			r, size, err := s.escape(i)
			if err != nil {
				return nil, err
			}
			s.buf = utf8.AppendRune(append(s.buf, s.src[start:i]...), r)
			i += size
			start = i
		default:
			size, err := s.character(i)
			if err != nil {
				return nil, err
			}
			i += size
		}
	}
}

// closeText ends the string at its closing quote i.
func (s *Scanner) closeText(start, i int) []byte {
	rest := s.src[start:i]
	s.pos = i + 1
	if len(s.buf) == 0 { // no escape: each leaves a byte at least
		return rest
	}
	s.buf = append(s.buf, rest...)
	return s.buf
}

// character returns the length of an unescaped character beyond printable ASCII.
func (s *Scanner) character(i int) (int, error) {
	if s.at(i) < ' ' {
		return 0, s.unexpected(i)
	}
	r, size := utf8.DecodeRune(s.src[i:])
	if r == utf8.RuneError && size == 1 {
		return 0, fail(ErrUTF8, i)
	}
	return size, nil
}

// unescape holds what the letter of a two-character escape stands for.
var unescape = [256]byte{
	'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', '"': '"', '\\': '\\', '/': '/',
}

// escape decodes the escape at i and returns its length.
func (s *Scanner) escape(i int) (rune, int, error) {
	letter := s.at(i + 1)
	if c := unescape[letter]; c != 0 {
		return rune(c), 2, nil
	}
	r, ok := s.unit(i)
	switch {
	case !ok:
		return 0, 0, s.unexpected(i)
	case !utf16.IsSurrogate(r):
		return r, 6, nil
	}
	low, _ := s.unit(i + 6)
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, 0, fail(ErrSurrogate, i)
	}
	return r, 12, nil
}

// unit decodes the code unit \uXXXX at i.
func (s *Scanner) unit(i int) (rune, bool) {
	if len(s.src) < i+6 || s.src[i] != '\\' || s.src[i+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s.src[i+2 : i+6] {
		d, ok := digit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | d
	}
	return r, true
}

// digit decodes one hex digit.
func digit(c byte) (rune, bool) {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0'), true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10, true
	}
	return 0, false
}
