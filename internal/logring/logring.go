// Package logring keeps the last lines of a log in memory, for whoever asks how it
// came to this.
package logring

import (
	"bytes"
	"sync"
)

// Ring is an io.Writer that keeps the last lines that were written to it. It never
// fails. It is safe for concurrent use: mu guards text.
type Ring struct {
	most int // bytes

	mu   sync.Mutex
	text []byte // up to twice most, so that most writes move nothing
}

// New returns a ring of so many bytes.
func New(most int) *Ring { return &Ring{most: most} }

// Write takes whole lines.
func (r *Ring) Write(lines []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.text)+len(lines) > 2*r.most {
		r.text = append(r.text[:0], last(r.text, r.most)...)
	}
	r.text = append(r.text, last(lines, r.most)...)
	return len(lines), nil
}

// Tail is the last lines, whole ones, oldest first.
func (r *Ring) Tail() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(last(r.text, r.most))
}

// last is the end of a text, so many bytes at most and from the beginning of a line.
func last(text []byte, most int) []byte {
	if len(text) <= most {
		return text
	}
	cut := text[len(text)-most-1:] // with what should be the end of the line before
	_, whole, _ := bytes.Cut(cut, []byte{'\n'})
	return whole
}
