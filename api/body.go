package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
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
