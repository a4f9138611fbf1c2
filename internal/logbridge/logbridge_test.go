package logbridge

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

func logged(level slog.Level) (hclog.Logger, *noise, *bytes.Buffer) {
	var out bytes.Buffer
	n := newNoise()
	drop := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	return bridge(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level, ReplaceAttr: drop})), n), n, &out
}

func TestMessages(t *testing.T) {
	tests := []struct {
		name string
		log  func(hclog.Logger)
		want string
	}{
		{"key and value", func(l hclog.Logger) { l.Info("took", "index", 7) }, `level=INFO msg=took index=7`},
		{"format", func(l hclog.Logger) { l.Warn("m", "v", hclog.Fmt("%d/%d", 1, 2)) }, `level=WARN msg=m v=1/2`},
		{"error", func(l hclog.Logger) { l.Error("m", "error", errors.New("no disk")) }, `level=ERROR msg=m error="no disk"`},
		{"odd", func(l hclog.Logger) { l.Info("m", "alone") }, `level=INFO msg=m extra=alone`},
		{"with", func(l hclog.Logger) { l.With("id", "n1").Info("m") }, `level=INFO msg=m id=n1`},
		{"named", func(l hclog.Logger) { l.Named("a").Named("b").Info("m") }, `level=INFO msg=m logger=a.b`},
		{"standard", func(l hclog.Logger) { l.StandardLogger(nil).Print("m") }, `level=INFO msg=m`},
		{"trace is below", func(l hclog.Logger) { l.Trace("m") }, ``},
		{"peer down", func(l hclog.Logger) { l.Error("failed to heartbeat to", "peer", "x") },
			`level=WARN msg="failed to heartbeat to" peer=x`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, _, out := logged(slog.LevelDebug)
			tt.log(l)
			if got := strings.TrimSpace(out.String()); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLevels(t *testing.T) {
	l, _, _ := logged(slog.LevelWarn)
	if l.IsTrace() || l.IsDebug() || l.IsInfo() || !l.IsWarn() || !l.IsError() || l.GetLevel() != hclog.Warn {
		t.Error("levels do not follow the handler's")
	}
	if got := l.With("a", 1).ImpliedArgs(); len(got) != 2 {
		t.Errorf("implied %v", got)
	}
}

// The trouble of a peer that is down is told once, then counted.
func TestOrdinaryTroubleIsRateLimited(t *testing.T) {
	l, noise, out := logged(slog.LevelInfo)
	now := time.Unix(1000, 0)
	noise.now = func() time.Time { return now }
	for range 100 {
		l.With("peer", "n2").Error("failed to appendEntries to")
	}
	if got := strings.Count(out.String(), "\n"); got != 1 {
		t.Fatalf("%d lines, want 1", got)
	}
	now = now.Add(quiet)
	l.Error("failed to appendEntries to")
	if !strings.Contains(out.String(), "alike_before=99") {
		t.Errorf("the count is missing: %s", out)
	}
	l.Error("failed to commit logs")
	if !strings.Contains(out.String(), `level=ERROR msg="failed to commit logs"`) {
		t.Error("real trouble was held back")
	}
}

// Elections that nobody can win are told less and less often, and anew when there
// was a pause.
func TestElectionsInVain(t *testing.T) {
	l, noise, out := logged(slog.LevelInfo)
	now := time.Unix(1000, 0)
	noise.now = func() time.Time { return now }
	for range 36_000 { // an hour
		l.Info("entering candidate state", "term", 2)
		l.Info("pre-vote campaign failed, waiting for election timeout")
		l.Warn("Election timeout reached, restarting election")
		now = now.Add(100 * time.Millisecond)
	}
	if lines := strings.Count(out.String(), "\n"); lines > 3*15 || lines < 3*5 {
		t.Errorf("%d lines in an hour", lines)
	}
	if !strings.Contains(out.String(), "level=INFO msg=\"entering candidate state\" term=2") {
		t.Errorf("its level is another one:\n%s", out)
	}
	now = now.Add(quiet + 1)
	out.Reset()
	l.Info("entering candidate state", "term", 3)
	if !strings.Contains(out.String(), "term=3") {
		t.Error("the next election is not told")
	}
}
