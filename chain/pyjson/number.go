package pyjson

import (
	"errors"
	"strconv"
)

// number reads a number and tells whether it is an integer.
func (s *Scanner) number() (token []byte, integer bool, err error) {
	if err := s.expect(KindNumber); err != nil {
		return nil, false, err
	}
	start := s.pos
	i := start
	if s.src[i] == '-' {
		i++
	}
	end, err := s.digits(i)
	switch {
	case err != nil:
		return nil, false, err
	case s.src[i] == '0' && end > i+1:
		return nil, false, s.unexpected(i + 1) // a leading zero
	}
	whole := end
	if end, err = s.fraction(end); err != nil {
		return nil, false, err
	}
	token, integer = s.src[start:end:end], end == whole
	if !integer && overflows(token) {
		return nil, false, fail(ErrRange, start)
	}
	s.pos = end
	return token, integer, nil
}

// fraction returns where the fraction and the exponent end that may begin at i.
func (s *Scanner) fraction(i int) (end int, err error) {
	if s.at(i) == '.' {
		if i, err = s.digits(i + 1); err != nil {
			return 0, err
		}
	}
	if s.at(i)|0x20 != 'e' {
		return i, nil
	}
	if i++; s.at(i) == '+' || s.at(i) == '-' {
		i++
	}
	return s.digits(i)
}

// digits returns where the digits end of which at least one must be at i.
func (s *Scanner) digits(i int) (int, error) {
	end := i
	for c := s.at(end); '0' <= c && c <= '9'; c = s.at(end) {
		end++
	}
	if end == i {
		return 0, s.unexpected(i)
	}
	return end, nil
}

// overflows tells whether a number is too large for a double.
func overflows(token []byte) bool {
	_, err := strconv.ParseFloat(string(token), 64)
	return errors.Is(err, strconv.ErrRange)
}
