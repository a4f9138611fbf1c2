// Package logbridge lets libraries that log through hclog write to a slog.Logger.
package logbridge

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// levelTrace is below slog's lowest named level.
const levelTrace = slog.LevelDebug - 4

// New returns a logger that writes to out, whose handler decides what is written.
func New(out *slog.Logger) hclog.Logger { return bridge(out, newNoise()) }

func bridge(out *slog.Logger, n *noise) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard, Level: lowest(out)})
	l.RegisterSink(&sink{out, n})
	return l
}

// lowest is the lowest level that is written, which is what libraries ask after.
func lowest(out *slog.Logger) hclog.Level {
	for level := hclog.Trace; level <= hclog.Error; level++ {
		if out.Enabled(context.Background(), slogLevel(level)) {
			return level
		}
	}
	return hclog.Off
}

// sink gets the messages of all loggers that stem from one New.
type sink struct {
	out   *slog.Logger
	noise *noise
}

// Accept implements hclog.SinkAdapter.
func (s *sink) Accept(name string, level hclog.Level, msg string, args ...any) {
	to, dropped, ok := s.noise.judge(slogLevel(level), msg)
	if !ok || !s.out.Enabled(context.Background(), to) {
		return
	}
	attrs := attributes(args)
	if name != "" {
		attrs = append(attrs, slog.String("logger", name))
	}
	if dropped > 0 {
		attrs = append(attrs, slog.Int("alike_before", dropped))
	}
	s.out.LogAttrs(context.Background(), to, msg, attrs...)
}

func slogLevel(level hclog.Level) slog.Level {
	switch level {
	case hclog.Trace:
		return levelTrace
	case hclog.Debug:
		return slog.LevelDebug
	case hclog.Warn:
		return slog.LevelWarn
	case hclog.Error:
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

// attributes turns hclog's key, value, key, value into attributes.
func attributes(args []any) []slog.Attr {
	attrs := make([]slog.Attr, 0, len(args)/2+2)
	for i := 0; i+1 < len(args); i += 2 {
		attrs = append(attrs, slog.Any(fmt.Sprint(args[i]), rendered(args[i+1])))
	}
	if len(args)%2 == 1 {
		attrs = append(attrs, slog.Any("extra", rendered(args[len(args)-1])))
	}
	return attrs
}

// rendered makes a value that any handler prints well: hclog.Fmt values are a
// format and its arguments, and raft's own types are best printed as text.
func rendered(v any) any {
	switch v := v.(type) {
	case hclog.Format:
		format, _ := v[0].(string)
		return fmt.Sprintf(format, v[1:]...)
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	}
	return v
}
