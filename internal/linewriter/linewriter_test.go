package linewriter

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reader is the other end of a pipe.
type reader struct {
	mu   sync.Mutex // held: it does not read
	gone bool
	text strings.Builder
}

func (r *reader) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return 0, errors.New("broken pipe")
	}
	return r.text.Write(p)
}

func (r *reader) be(gone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = gone
}

func lost(n uint64) []byte { return fmt.Appendf(nil, "lost %d\n", n) }

func TestLinesAreWrittenInOrder(t *testing.T) {
	var r reader
	w := New(&r, lost)
	var want strings.Builder
	for i := range 1_000 {
		_, err := fmt.Fprintf(io.MultiWriter(w, &want), "line %d\n", i)
		require.NoError(t, err)
	}
	w.Flush(20 * time.Second)
	require.Equal(t, want.String(), r.text.String())
}

func TestReaderThatHangsHoldsNobodyUp(t *testing.T) {
	var r reader
	w := New(&r, lost)
	r.mu.Lock()
	line := []byte(strings.Repeat("x", 99) + "\n")
	for range 3 * maxLines { // a write that blocked would hang here
		_, _ = w.Write(line)
	}
	require.LessOrEqual(t, w.bytes.Load(), int64(maxBytes))
	w.Flush(time.Millisecond)
	r.mu.Unlock()
	w.Flush(20 * time.Second)
	_, _ = w.Write([]byte("the end\n"))
	w.Flush(20 * time.Second)
	text := r.text.String()
	counted := 0
	for line := range strings.Lines(text) {
		var n int
		if _, err := fmt.Sscanf(line, "lost %d\n", &n); err == nil {
			counted += n
		}
	}
	require.Positive(t, counted)
	require.Equal(t, 3*maxLines, counted+strings.Count(text, string(line)), "every line is written or counted")
	require.True(t, strings.HasSuffix(text, "the end\n"))
}

func TestReaderThatHasGoneMayComeBack(t *testing.T) {
	var r reader
	w := New(&r, lost)
	r.be(true)
	for range 5 {
		_, _ = w.Write([]byte("nobody reads it\n"))
		w.Flush(20 * time.Second)
	}
	r.be(false)
	_, _ = w.Write([]byte("here again\n"))
	w.Flush(20 * time.Second)
	require.Equal(t, "lost 5\nhere again\n", r.text.String())
}
