// Package linewriter writes the lines of a log so that nobody has to wait for
// whoever reads them: a full pipe, or one whose reader has died, must not stop
// what is logged about.
package linewriter

import (
	"io"
	"sync"
	"time"
)

// The lines that wait to be written: the burst of a bad second.
const (
	maxLines = 4096
	maxBytes = 1 << 20
)

// Writer is an io.Writer of whole lines. It never blocks and never fails: what
// does not fit, and what the reader does not take, is dropped and counted.
//
// It owns the goroutine that writes, which ends with the process: it may hang in
// a write for ever.
type Writer struct {
	out   io.Writer
	lost  func(lines uint64) []byte
	wake  chan struct{} // holds a token when there may be something to write
	empty chan struct{} // holds a token when there may be nothing

	mu      sync.Mutex
	lines   [][]byte
	bytes   int
	writing bool
	dropped uint64 // since the last line that was written
}

// New returns a writer to out. lost makes the line that says how many were
// dropped, which is written before the next one that gets through.
func New(out io.Writer, lost func(lines uint64) []byte) *Writer {
	w := &Writer{out: out, lost: lost, wake: make(chan struct{}, 1), empty: make(chan struct{}, 1)}
	go w.run()
	return w
}

// Write takes one line.
func (w *Writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lines) == maxLines || w.bytes+len(line) > maxBytes {
		w.dropped++
		return len(line), nil
	}
	w.lines = append(w.lines, append([]byte(nil), line...))
	w.bytes += len(line)
	poke(w.wake)
	return len(line), nil
}

// Flush waits until all is written, but no longer than limit.
func (w *Writer) Flush(limit time.Duration) {
	end := time.NewTimer(limit)
	defer end.Stop()
	for !w.idle() {
		select {
		case <-w.empty:
		case <-end.C:
			return
		}
	}
}

func (w *Writer) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.lines) == 0 && !w.writing
}

func (w *Writer) run() {
	for range w.wake {
		for {
			lines, dropped := w.take()
			if len(lines) == 0 {
				break
			}
			if dropped > 0 && !w.write(w.lost(dropped)) {
				w.drop(dropped)
			}
			for _, line := range lines {
				if !w.write(line) {
					w.drop(1)
				}
			}
		}
		poke(w.empty)
	}
}

// take returns the lines that wait, and how many were dropped before the last.
func (w *Writer) take() (lines [][]byte, dropped uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines, dropped = w.lines, w.dropped
	w.writing = len(lines) > 0
	w.lines, w.bytes = nil, 0
	if w.writing {
		w.dropped = 0
	}
	return lines, dropped
}

func (w *Writer) write(line []byte) bool {
	_, err := w.out.Write(line)
	return err == nil
}

func (w *Writer) drop(lines uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropped += lines
}

// poke leaves a token in a channel of capacity one.
func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
