package engine

import (
	"bytes"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/durable"
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
	db, err := Open("db", Config{FS: files, Format: pebble.FormatValueSeparation, FileEnd: func([]byte) []byte { return nil },
		Fatal: func(err error) { t.Error(err) }, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	require.NoError(t, db.Write([]Row{{Key: []byte("k"), Value: []byte("v")}}, 0))
	began := time.Now()
	require.NoError(t, db.Flush())
	require.GreaterOrEqual(t, time.Since(began), failures*retryPause, "it does not rest between two tries")
	require.NoError(t, db.Close())
	require.Equal(t, failures, strings.Count(log.String(), "no space left on device"))
}

// Where there is no room for long the process ends and says why.
func TestPatienceEnds(t *testing.T) {
	var fatal error
	a := &alarm{fatal: func(err error) { fatal = err }}
	p := &retryLimit{log: slog.New(slog.DiscardHandler), alarm: a}
	p.failed(syscall.ENOSPC)
	require.NoError(t, fatal)
	p.since = p.since.Add(-retryFor)
	p.failed(syscall.ENOSPC) // not armed: while the database is being opened, too
	require.ErrorIs(t, fatal, syscall.ENOSPC)
	_, system := durable.Advice(fatal)
	require.True(t, system, "that is no damage")

	fatal = nil
	p.last = p.last.Add(-retryGap)
	p.failed(syscall.ENOSPC)
	require.NoError(t, fatal, "this is another trouble")
}
