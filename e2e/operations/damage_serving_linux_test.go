package operations

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// uncached reads whatever it needs from its files, as a member does whose chain is larger than
// its memory.
var uncached = harness.Patch{File: "store/limits.go", Old: "\tcacheBytes    = 32 << 20\n", New: "\tcacheBytes    = 1\n"}

// Blocks rot under a member that serves. Until it has noticed that, and ended, it serves none
// that is not what it was, whichever way it is asked; then the command that it names mends it.
func TestBlocksRotUnderAMemberThatServes(t *testing.T) {
	long(t)
	reader, err := harness.BuildPatched(t.Context(), t.TempDir(), uncached)
	must(t, err)
	s := newSickroom(t, "bolt", true)
	s.c.Members[0].Use(reader)
	for _, pattern := range []string{"state/db-*/*.blob", "state/db-*/*.sst"} {
		for _, part := range []float64{0.2, 0.5, 0.8} {
			t.Run(fmt.Sprintf("%s at %v", pattern, part), func(t *testing.T) { s.rots(t, pattern, part) })
		}
	}
}

func (s *sickroom) rots(t *testing.T, pattern string, part float64) {
	t.Helper()
	s.begin(t)
	must(t, s.c.Start(t.Context()))
	m := s.c.Members[0]
	reading, stop := context.WithCancel(t.Context())
	defer stop()
	must(t, rotten(pattern, part)(m.Data))
	single, stream := make(chan error, 1), make(chan error, 1)
	go func() { single <- s.reads(reading, m) }()
	go func() { stream <- s.streams(reading, m) }()
	noticed := true // blocks are read again and again, and other rows where they are needed
	if err := harness.Until(t.Context(), 15*time.Second, m.ID+" ends", func(context.Context) error {
		if m.Alive() {
			return errors.New("it runs")
		}
		return nil
	}); err != nil {
		noticed = false
		must(t, m.Kill())
	}
	stop()
	must(t, <-single, <-stream)
	if !noticed {
		if strings.HasSuffix(pattern, ".blob") {
			t.Error("it has read damaged blocks, and has not ended")
		}
		refusesIn(t, m) // the next start reads all
	}
	said := m.LogTail(60)
	names(t, said, m.Data, pattern)
	rebuilt(t, m, commandIn(t, said))
	s.well(t)
}

// streams reads the whole chain of a member again and again until ctx ends. What it gets of it
// has to be what it was.
func (s *sickroom) streams(ctx context.Context, m *harness.Member) error {
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.URL+"/smart/chain?from=1", nil)
		if err != nil {
			return err
		}
		req.Header.Set("Accept", "application/x-ndjson")
		answer, err := s.c.HTTP.Do(req)
		if err != nil { // it does not serve any more
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		got, _ := io.ReadAll(answer.Body) // which may end anywhere
		_ = answer.Body.Close()
		lines := bytes.SplitAfter(got, []byte("\n"))
		for i, line := range lines[:min(len(lines), len(s.tip))] {
			block, whole := bytes.CutSuffix(line, []byte("\n"))
			if answer.StatusCode == http.StatusOK && whole && !bytes.Equal(block, s.tip[i]) {
				return fmt.Errorf("%s streams another block %d", m.ID, i+1)
			}
		}
	}
	return nil
}
