package operations

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// largeChain is a member whose chain is larger than what a start reads back, and whose scrub has
// not come to it yet.
var largeChain = []harness.Patch{
	{File: "store/limits.go", Old: "\tstartCheckBytes = 256 << 20\n", New: "\tstartCheckBytes = 1\n"},
	{File: "node/member.go", Old: "\tm.work.Go(func() { m.store.Scrub(m.ctx, scrubRate, scrubPause) })\n", New: ""},
}

// Blocks have rotted that a member reads first while it serves. Until it has noticed that, and
// ended, it serves none that is not what it was, whichever way it is asked; then the command that
// it names mends it.
func TestAMemberFindsRotWhileItServes(t *testing.T) {
	long(t)
	reader, err := harness.BuildPatched(t.Context(), t.TempDir(), largeChain...)
	must(t, err)
	s := newSickroom(t, "bolt", true)
	m := s.c.Members[0]
	for _, part := range []float64{0.2, 0.5, 0.8} {
		t.Run(fmt.Sprintf("at %v", part), func(t *testing.T) {
			s.begin(t)
			must(t, rotten("state/db-*/*.blob", part)(m.Data), os.Truncate(m.Log, 0))
			m.Use(reader)
			for _, one := range s.c.Members {
				must(t, one.Start())
			}
			must(t, s.c.AwaitServing(t.Context(), m))
			reading, stop := context.WithCancel(t.Context())
			defer stop()
			single, stream := make(chan error, 1), make(chan error, 1)
			go func() { single <- s.reads(reading, m) }()
			go func() { stream <- s.streams(reading, m) }()
			code, err := m.AwaitExit(t.Context(), 20*time.Second)
			stop()
			must(t, err, <-single, <-stream)
			if code == 0 {
				t.Error("it ended in order")
			}
			said := m.LogTail(60)
			names(t, said, m.Data, "state/db-*/*.blob")
			m.Use(binary)
			rebuilt(t, m, commandIn(t, said))
			s.well(t)
		})
	}
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
