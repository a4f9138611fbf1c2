package intake

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// fault is the first field that is not what it must be. Its methods each read
// one value; what has the wrong form is noted and skipped, and an error means
// that the text is not JSON.
type fault struct{ err error }

// note keeps the first thing that is wrong.
func (f *fault) note(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *fault) text(s *pyjson.Scanner, key string, dst *string) (err error) {
	if s.Peek() != pyjson.KindString {
		f.note(WrongKind(key, "a string"))
		return nil
	}
	*dst, err = s.String()
	return err
}

// optional is text that may also be null, which is the same as not there.
func (f *fault) optional(s *pyjson.Scanner, key string, dst *string) error {
	if s.Peek() == pyjson.KindNull {
		return nil
	}
	return f.text(s, key, dst)
}

// number keeps an amount as the text that stands in the body: a float would
// round it.
func (f *fault) number(s *pyjson.Scanner, key string, dst *string) (err error) {
	switch s.Peek() {
	case pyjson.KindNumber:
		*dst, err = s.Number()
		if errors.Is(err, pyjson.ErrRange) {
			return fmt.Errorf("%w: it overflows a double", chain.AmountTooLarge)
		}
	case pyjson.KindString:
		*dst, err = s.String()
	default:
		f.note(WrongKind(key, "a number or a string that holds one"))
	}
	return err
}

// seconds is a moment: a whole number, because it is signed as one.
func (f *fault) seconds(s *pyjson.Scanner, key string, dst *chain.Seconds) error {
	text := ""
	if s.Peek() == pyjson.KindNumber {
		var err error
		if text, err = s.Number(); err != nil {
			return err
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if *dst = chain.Seconds(n); err != nil {
		f.note(WrongKind(key, "a whole number of seconds since 1970"))
	}
	return nil
}

func (f *fault) flag(s *pyjson.Scanner, key string, dst *bool) (err error) {
	if s.Peek() != pyjson.KindBool {
		f.note(WrongKind(key, "true or false"))
		return nil
	}
	*dst, err = s.Bool()
	return err
}

// hash is 32 bytes in hex: an id or a key.
func (f *fault) hash(s *pyjson.Scanner, key string, dst *chain.Hash) error {
	text := ""
	if s.Peek() == pyjson.KindString {
		var err error
		if text, err = s.String(); err != nil {
			return err
		}
	}
	var err error
	if *dst, err = chain.ParseHash(text); err != nil {
		f.note(WrongKind(key, "64 lower-case hex digits"))
	}
	return nil
}

func (f *fault) signature(s *pyjson.Scanner, key string, dst *chain.Signature) error {
	var text string
	if err := f.text(s, key, &text); err != nil {
		return err
	}
	var err error
	if *dst, err = chain.ParseSignature(text); err != nil {
		f.note(err)
	}
	return nil
}
