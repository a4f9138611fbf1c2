package logbridge

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// What Limit lets through of messages that are alike: so many at once, and one
// each period then. A disk that is full, or a peer that is wrong, can make a loop
// somewhere complain thousands of times a second, and the log fills what was left.
const (
	limitBurst  = 20
	limitPeriod = 10 * time.Second
	// limitKinds bounds the kinds of messages that are told apart; libraries put
	// addresses into theirs.
	limitKinds = 1_000
)

// Limit returns a handler that holds back messages of which there are too many
// of one level and text, and tells with the next one how many those were. Debug
// messages pass: who asks for them wants all.
func Limit(out slog.Handler) slog.Handler {
	return &limited{out, &limiter{now: time.Now, kinds: map[kind]*flow{}}}
}

type limited struct {
	slog.Handler
	limiter *limiter // shared by all that stem from one Limit
}

// kind is what makes messages alike.
type kind struct {
	level slog.Level
	text  string
}

// limiter is safe for use by many goroutines.
type limiter struct {
	now func() time.Time

	mu    sync.Mutex
	kinds map[kind]*flow
}

// flow is a leaky bucket of messages that are alike.
type flow struct {
	filled  int       // of limitBurst
	last    time.Time // when it leaked last
	dropped int       // since the last that passed
}

// Handle implements slog.Handler.
func (l *limited) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelInfo {
		return l.Handler.Handle(ctx, r)
	}
	dropped, ok := l.limiter.pass(kind{r.Level, r.Message})
	if !ok {
		return nil
	}
	if dropped > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("alike_before", dropped))
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (l *limited) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &limited{l.Handler.WithAttrs(attrs), l.limiter}
}

// WithGroup implements slog.Handler.
func (l *limited) WithGroup(name string) slog.Handler {
	return &limited{l.Handler.WithGroup(name), l.limiter}
}

func (l *limiter) pass(k kind) (dropped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	f := l.kinds[k]
	if f == nil {
		if len(l.kinds) >= limitKinds {
			k.text = "" // those that come late share one
		}
		if f = l.kinds[k]; f == nil {
			f = &flow{last: now}
			l.kinds[k] = f
		}
	}
	if leaked := int(now.Sub(f.last) / limitPeriod); leaked > 0 {
		f.filled = max(0, f.filled-leaked)
		f.last = f.last.Add(time.Duration(leaked) * limitPeriod)
	}
	if f.filled >= limitBurst {
		f.dropped++
		return 0, false
	}
	f.filled++
	dropped, f.dropped = f.dropped, 0
	return dropped, true
}
