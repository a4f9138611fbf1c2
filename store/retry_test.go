package store

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
)

// A disk that is full for a moment holds up a flush, and that is all; Pebble
// tries again at a pace.
func TestAFlushWaitsForRoom(t *testing.T) {
	const failures = 5
	var tried atomic.Int32
	files := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") && tried.Add(1) <= failures {
			return syscall.ENOSPC
		}
		return nil
	}))
	var log bytes.Buffer
	s, err := Open(Config{Dir: "state", FS: files, Fatal: func(err error) { t.Error(err) },
		Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	addBlock(t, s, 1)
	began := time.Now()
	require.NoError(t, s.Sync(context.Background()))
	require.GreaterOrEqual(t, time.Since(began), failures*retryPause, "it does not rest between two tries")
	require.NoError(t, s.Close())
	require.Equal(t, failures, strings.Count(log.String(), "no space left on device"))
}

// Where there is no room for long the process ends and says why.
func TestPatienceEnds(t *testing.T) {
	var fatal error
	a := &alarm{dir: "state", fatal: func(err error) { fatal = err }}
	p := &retryLimit{log: slog.New(slog.DiscardHandler), alarm: a}
	p.failed(syscall.ENOSPC)
	require.NoError(t, fatal)
	p.since = p.since.Add(-retryFor)
	p.failed(syscall.ENOSPC) // not armed: while the store is being opened, too
	require.ErrorIs(t, fatal, syscall.ENOSPC)
	require.NotErrorIs(t, fatal, ErrDamaged)

	fatal = nil
	p.last = p.last.Add(-retryGap)
	p.failed(syscall.ENOSPC)
	require.NoError(t, fatal, "this is another trouble")
}
