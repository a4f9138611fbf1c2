package logbridge

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// limitedLog is a log with a clock that the test moves.
func limitedLog() (log *slog.Logger, out *bytes.Buffer, now *time.Time) {
	out, now = &bytes.Buffer{}, new(time.Time)
	*now = time.Unix(1000, 0)
	h := Limit(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug})).(*limited)
	h.limiter.now = func() time.Time { return *now }
	return slog.New(h), out, now
}

// A loop that complains leaves a few lines, and how many there would have been.
func TestAStormIsBounded(t *testing.T) {
	log, out, now := limitedLog()
	for i := range 25_000 {
		log.With("file", i).Error("no space left")
		*now = now.Add(320 * time.Microsecond) // 8 s in all
	}
	if lines := strings.Count(out.String(), "\n"); lines != limitBurst {
		t.Errorf("%d lines, want %d", lines, limitBurst)
	}
	log.Warn("something else")
	if !strings.Contains(out.String(), "something else") {
		t.Error("another message was held back")
	}
	*now = now.Add(limitPeriod)
	log.Error("no space left")
	if !strings.Contains(out.String(), "alike_before=24980") {
		t.Errorf("nothing says how many were held back: %s", out)
	}
	log.Error("no space left")
	if lines := strings.Count(out.String(), "\n"); lines != limitBurst+2 {
		t.Errorf("%d lines, want one more each period", lines)
	}
}

func TestWhatIsSeldomOrAskedForPasses(t *testing.T) {
	log, out, now := limitedLog()
	for range 100 {
		log.Info("a block")
		*now = now.Add(limitPeriod)
	}
	for range 100 {
		log.Debug("a detail")
	}
	if lines := strings.Count(out.String(), "\n"); lines != 200 {
		t.Errorf("%d lines, want all 200", lines)
	}
}

func TestKindsAreBounded(t *testing.T) {
	log, out, _ := limitedLog()
	for i := range 10 * limitKinds {
		log.Info(fmt.Sprint("a client at ", i))
	}
	if lines := strings.Count(out.String(), "\n"); lines != limitKinds+limitBurst {
		t.Errorf("%d lines, want %d", lines, limitKinds+limitBurst)
	}
}
