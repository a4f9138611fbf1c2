// Package linewriter writes the lines of a log so that nobody has to wait for
// whoever reads them: a full pipe, or one whose reader has died, must not stop
// what is logged about.
package linewriter

import (
	"bytes"
	"io"
	"sync/atomic"
	"time"
)

// The lines that wait to be written: the burst of a bad second.
const (
	maxLines = 4096
	maxBytes = 1 << 20
)

// Writer is an io.Writer of whole lines. It never blocks and never fails: what
// does not fit, and what the reader does not take, is dropped and counted. It is
// safe for use by many goroutines.
//
// It owns the goroutine that writes, which ends with the process: it may hang in
// a write for ever. Nothing else writes to out.
type Writer struct {
	out     io.Writer
	lost    func(lines uint64) []byte
	waiting chan entry
	bytes   atomic.Int64  // of the lines in waiting, and of the one being written
	dropped atomic.Uint64 // lines, since the last that was written
}

// entry is a line, or somebody who wants to know that those before are written.
type entry struct {
	line    []byte
	written chan struct{}
}

// New returns a writer to out. lost makes the line that says how many were
// dropped, which is written before the next one that gets through.
func New(out io.Writer, lost func(lines uint64) []byte) *Writer {
	w := &Writer{out: out, lost: lost, waiting: make(chan entry, maxLines)}
	go w.run()
	return w
}

// Write takes one line.
func (w *Writer) Write(line []byte) (int, error) {
	size := int64(len(line))
	if w.bytes.Add(size) <= maxBytes {
		select {
		case w.waiting <- entry{line: bytes.Clone(line)}:
			return len(line), nil
		default:
		}
	}
	w.bytes.Add(-size)
	w.dropped.Add(1)
	return len(line), nil
}

// Flush waits until all is written, but no longer than limit.
func (w *Writer) Flush(limit time.Duration) {
	end := time.NewTimer(limit)
	defer end.Stop()
	written := make(chan struct{})
	select {
	case w.waiting <- entry{written: written}:
	case <-end.C:
		return
	}
	select {
	case <-written:
	case <-end.C:
	}
}

func (w *Writer) run() {
	for e := range w.waiting {
		if e.written != nil {
			close(e.written)
			continue
		}
		if n := w.dropped.Swap(0); n > 0 && !w.write(w.lost(n)) {
			w.dropped.Add(n)
		}
		if !w.write(e.line) {
			w.dropped.Add(1)
		}
		w.bytes.Add(-int64(len(e.line)))
	}
}

func (w *Writer) write(line []byte) bool {
	_, err := w.out.Write(line)
	return err == nil
}
