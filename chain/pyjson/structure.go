package pyjson

// space skips white space and returns the byte after it, 0 at the end.
func (s *Scanner) space() byte {
	for ; s.pos < len(s.src); s.pos++ {
		switch c := s.src[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// open reads the bracket that begins an object or an array.
func (s *Scanner) open(k Kind) error {
	if err := s.expect(k); err != nil {
		return err
	}
	if s.depth == MaxDepth {
		return fail(ErrDepth, s.pos)
	}
	s.depth++
	s.pos++
	return nil
}

// next goes to the next member or element, or past the closing bracket.
func (s *Scanner) next(closing byte, first bool) (done bool, err error) {
	switch c := s.space(); {
	case c == closing:
		s.depth--
		s.pos++
		return true, nil
	case first:
		return false, nil
	case c == ',':
		s.pos++
		return false, nil
	}
	return false, s.unexpected(s.pos)
}

// key reads a key that has not been seen in this object, and the colon.
func (s *Scanner) key(seen *keySet) (string, error) {
	if s.space() != '"' {
		return "", s.unexpected(s.pos)
	}
	start := s.pos
	text, err := s.text()
	if err != nil {
		return "", err
	}
	key := s.names.intern(text)
	if !seen.add(key) {
		return "", fail(ErrDuplicateKey, start)
	}
	if s.space() != ':' {
		return "", s.unexpected(s.pos)
	}
	s.pos++
	return key, nil
}

// value calls read where a value begins, and skips the value if read has not
// touched it.
func (s *Scanner) value(read func() error) error {
	if s.Peek() == KindInvalid {
		return s.unexpected(s.pos)
	}
	start := s.pos
	if err := read(); err != nil || s.pos != start {
		return err
	}
	return s.skip()
}

// skip reads any value and drops it.
func (s *Scanner) skip() (err error) {
	switch s.Peek() {
	case KindObject:
		return s.Object(func(string) error { return nil })
	case KindArray:
		return s.Array(func(int) error { return nil })
	case KindString:
		_, err = s.text()
	case KindNumber:
		_, _, err = s.number()
	case KindBool:
		_, err = s.Bool()
	default:
		err = s.Null()
	}
	return err
}

// word reads one of the three literals.
func (s *Scanner) word(w string) error {
	end := s.pos + len(w)
	if end > len(s.src) || string(s.src[s.pos:end]) != w {
		return s.unexpected(s.pos)
	}
	s.pos = end
	return nil
}

// at returns the byte at i, 0 beyond the end: a byte no valid text holds.
func (s *Scanner) at(i int) byte {
	if i < len(s.src) {
		return s.src[i]
	}
	return 0
}
