package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is far more than a message on a socket takes.
const patience = 10 * time.Second

// socket is a supervisor's.
type socket struct {
	t    *testing.T
	conn *net.UnixConn
}

func listen(t *testing.T, watchdog string) *socket {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", watchdog)
	return &socket{t, conn}
}

// heard is the next message; empty when none comes within the limit.
func (s *socket) heard(limit time.Duration) string {
	s.t.Helper()
	require.NoError(s.t, s.conn.SetReadDeadline(time.Now().Add(limit)))
	message := make([]byte, 4096)
	n, err := s.conn.Read(message)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return ""
	}
	require.NoError(s.t, err)
	return string(message[:n])
}

// process says what a test wants.
type process struct {
	mu      sync.Mutex
	stuck   error
	summary string
}

func (p *process) set(stuck error, summary string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stuck, p.summary = stuck, summary
}

func (p *process) Stuck() error    { p.mu.Lock(); defer p.mu.Unlock(); return p.stuck }
func (p *process) Summary() string { p.mu.Lock(); defer p.mu.Unlock(); return p.summary }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestWhatASupervisorIsTold(t *testing.T) {
	at := listen(t, "")
	s := New(quiet())
	s.Starting()
	require.Equal(t, "STATUS=starts", at.heard(patience))
	s.Ready()
	require.Equal(t, "READY=1", at.heard(patience))
	done := s.Reloading()
	require.Regexp(t, `^RELOADING=1\nMONOTONIC_USEC=[1-9]\d*\n$`, at.heard(patience))
	done()
	require.Equal(t, "READY=1", at.heard(patience))
	s.Stopping()
	require.Equal(t, "STOPPING=1\nSTATUS=stops", at.heard(patience))
}

// The watchdog is fed while there is progress, and only then.
func TestTheWatchdogIsFedByProgress(t *testing.T) {
	at := listen(t, "60000") // 60 ms: every 20
	p := &process{summary: "n1 leader, ready"}
	log := &strings.Builder{}
	s := New(slog.New(slog.NewTextHandler(log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.Watch(ctx, p); close(ended) }()
	require.Equal(t, "STATUS=n1 leader, ready", at.heard(patience))
	for range 3 {
		require.Equal(t, "WATCHDOG=1", at.heard(patience))
	}
	p.set(errors.New("the disk hangs"), "n1 leader, ready")
	for at.heard(200*time.Millisecond) != "" { // what was under way
	}
	require.Empty(t, at.heard(300*time.Millisecond), "fed while it is stuck")
	p.set(nil, "n1 leader, ready")
	require.Equal(t, "WATCHDOG=1", at.heard(patience), "it goes on")
	cancel()
	<-ended
	require.Equal(t, 1, strings.Count(log.String(), "the disk hangs"), log)
}

// What changes is told, in one line whatever it holds.
func TestTheStatusIsALine(t *testing.T) {
	at := listen(t, "")
	p := &process{summary: "ready\nREADY=1\x00" + strings.Repeat("ä", maxStatus)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { New(quiet()).Watch(ctx, p); close(ended) }()
	told := at.heard(patience)
	require.True(t, strings.HasPrefix(told, "STATUS=ready READY=1 ä"), told)
	require.LessOrEqual(t, len(told), len("STATUS=")+maxStatus)
	require.NotContains(t, told, "\n")
	p.set(nil, "n1 follower of n2, ready")
	require.Equal(t, "STATUS=n1 follower of n2, ready", at.heard(patience))
	cancel()
	<-ended
}

func TestWithoutASupervisorNothingHappens(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	s := New(quiet())
	s.Ready()
	require.Zero(t, s.watchdog)
	t.Setenv("NOTIFY_SOCKET", "/nowhere/at/all")
	s.Ready()
	log := &strings.Builder{}
	t.Setenv("WATCHDOG_USEC", "soon")
	require.Zero(t, New(slog.New(slog.NewTextHandler(log, nil))).watchdog)
	require.Contains(t, log.String(), "WATCHDOG_USEC")
}
