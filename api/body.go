package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

func tooLarge(limit int64) error {
	return fmt.Errorf("%w: at most %d bytes", ErrBodyTooLarge, limit)
}

// fill reads body to its end into w.in. Memory grows with what comes, whatever
// the client has announced: it doubles, up to size if that is known. More time is
// asked for, and more memory counted, for each bodyStep of it.
func fill(w *work, body io.Reader, size int, more func()) error {
	w.in = w.in[:0]
	for room := smallBody; ; {
		if len(w.in) == room {
			if err := w.reserve(bodyStep); err != nil {
				return err
			}
			room += bodyStep
			more()
		}
		if len(w.in) == cap(w.in) {
			grow := max(len(w.in), smallBody)
			if size >= len(w.in) {
				grow = min(grow, size+1-len(w.in)) // one byte more shows the end
			}
			w.in = slices.Grow(w.in, grow)
		}
		n, err := body.Read(w.in[len(w.in):min(cap(w.in), room)])
		w.in = w.in[:len(w.in)+n]
		var over *http.MaxBytesError
		switch {
		case err == nil:
		case err == io.EOF:
			return nil
		case errors.As(err, &over):
			return tooLarge(over.Limit)
		default:
			return fmt.Errorf("%w: %w", ErrBodyIncomplete, err)
		}
	}
}

// jsonError gives an error of the scanner its code. An error that has one
// already keeps it.
func jsonError(err error) error {
	switch {
	case errors.Is(err, pyjson.ErrUTF8), errors.Is(err, pyjson.ErrSurrogate):
		return fmt.Errorf("%w: %w", chain.InvalidUTF8, err)
	case errors.Is(err, pyjson.ErrSyntax), errors.Is(err, pyjson.ErrDuplicateKey),
		errors.Is(err, pyjson.ErrRange), errors.Is(err, pyjson.ErrNotFinite),
		errors.Is(err, pyjson.ErrDepth), errors.Is(err, pyjson.ErrTrailing):
		return fmt.Errorf("%w: %w", ErrInvalidJSON, err)
	}
	return err
}

// scanObject reads a body that must be one object.
func scanObject(w *work, member func(key string) error) error {
	w.scan = *pyjson.NewScanner(w.in)
	s := &w.scan
	var wrong, err error
	if kind := s.Peek(); kind == pyjson.KindObject || kind == pyjson.KindInvalid {
		err = s.Object(member)
	} else {
		wrong = fmt.Errorf("%w: the body must be a JSON object", chain.InvalidField)
		_, err = s.Raw()
	}
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return jsonError(err)
	}
	return wrong
}

// wrongKind says what a field should have been.
func wrongKind(field, want string) error {
	return fmt.Errorf("%w: %s must be %s", chain.InvalidField, field, want)
}

func unknownKey(key string) error {
	return fmt.Errorf("%w: unknown field %q", chain.InvalidField, echo(key))
}
