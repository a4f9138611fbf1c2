package edge

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Audit writes one line for each request that came over the network, of those that
// there is room for. It is safe for concurrent use.
type Audit struct {
	log            *slog.Logger
	guests, others lines
}

// NewAudit writes to log.
func NewAudit(log *slog.Logger) *Audit {
	return &Audit{log: log, guests: lines{most: guestLines}, others: lines{most: otherLines}}
}

// Answered is what a line says of a request besides whose it was. Route is the
// pattern, not the path: who asks for whose account is not for the log.
type Answered struct {
	RequestID, Trace, Method, Route string
	Status, Bytes                   int
	Took                            time.Duration
}

// Note writes the line of a request.
func (a *Audit) Note(ctx context.Context, v *Visit, r Answered) {
	of := &a.others
	if v.Guest {
		of = &a.guests
	}
	ok, leftOut := of.room(time.Now())
	if !ok || !a.log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs, slog.String("request_id", r.RequestID))
	if r.Trace != "" {
		attrs = append(attrs, slog.String("traceparent", r.Trace))
	}
	who := v.Token
	if who == "" {
		who = "anonymous"
	}
	if len(r.Method) > maxShown {
		r.Method = r.Method[:maxShown]
	}
	attrs = append(attrs, slog.String("who", who), slog.String("address", v.Peer.String()),
		slog.String("method", r.Method), slog.String("route", r.Route),
		slog.Int("status", r.Status), slog.Int("bytes", max(0, r.Bytes)), slog.Duration("took", r.Took))
	if leftOut > 0 {
		attrs = append(attrs, slog.Uint64("left_out", leftOut))
	}
	a.log.LogAttrs(ctx, slog.LevelInfo, "request over the network", attrs...)
}

// lines lets most lines a second through, and counts the others.
type lines struct {
	most int

	mu      sync.Mutex // guards what follows
	second  int64
	written int
	leftOut uint64
}

// room tells whether there is room for a line, and how many were left out before it.
func (l *lines) room(now time.Time) (ok bool, leftOut uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if second := now.Unix(); second != l.second {
		l.second, l.written = second, 0
	}
	if l.written >= l.most {
		l.leftOut++
		return false, 0
	}
	l.written++
	leftOut, l.leftOut = l.leftOut, 0
	return true, leftOut
}
