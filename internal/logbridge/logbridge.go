// Package logbridge lets libraries that log through hclog write to a slog.Logger.
package logbridge

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// levelTrace is below slog's lowest named level.
const levelTrace = slog.LevelDebug - 4

// Logger is an hclog.Logger on top of a slog.Logger, whose handler decides what
// is written: SetLevel does nothing.
type Logger struct {
	out     *slog.Logger
	name    string
	implied []any
	noise   *noise // shared by all loggers that stem from one New
}

var _ hclog.Logger = (*Logger)(nil)

// New returns a bridge to out.
func New(out *slog.Logger) *Logger {
	return &Logger{out: out, noise: newNoise()}
}

// Log writes one message; it is what all other methods come down to.
func (l *Logger) Log(level hclog.Level, msg string, args ...any) {
	to := slogLevel(level)
	to, dropped, ok := l.noise.judge(to, msg)
	if !ok || !l.out.Enabled(context.Background(), to) {
		return
	}
	attrs := attributes(args)
	if l.name != "" {
		attrs = append(attrs, slog.String("logger", l.name))
	}
	if dropped > 0 {
		attrs = append(attrs, slog.Int("alike_before", dropped))
	}
	l.out.LogAttrs(context.Background(), to, msg, attrs...)
}

func (l *Logger) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l *Logger) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l *Logger) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *Logger) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *Logger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *Logger) IsTrace() bool { return l.enabled(levelTrace) }
func (l *Logger) IsDebug() bool { return l.enabled(slog.LevelDebug) }
func (l *Logger) IsInfo() bool  { return l.enabled(slog.LevelInfo) }
func (l *Logger) IsWarn() bool  { return l.enabled(slog.LevelWarn) }
func (l *Logger) IsError() bool { return l.enabled(slog.LevelError) }

func (l *Logger) enabled(level slog.Level) bool {
	return l.out.Enabled(context.Background(), level)
}

// With returns a logger that adds args to each message.
func (l *Logger) With(args ...any) hclog.Logger {
	with := *l
	with.implied = append(append([]any(nil), l.implied...), args...)
	anys := []any{}
	for _, a := range attributes(args) {
		anys = append(anys, a)
	}
	with.out = l.out.With(anys...)
	return &with
}

// ImpliedArgs returns what With added.
func (l *Logger) ImpliedArgs() []any { return l.implied }

// Name returns the logger's name, with dots between its parts.
func (l *Logger) Name() string { return l.name }

// Named returns a logger with name as a further part of its name.
func (l *Logger) Named(name string) hclog.Logger {
	if l.name != "" {
		name = l.name + "." + name
	}
	return l.ResetNamed(name)
}

// ResetNamed returns a logger with another name.
func (l *Logger) ResetNamed(name string) hclog.Logger {
	renamed := *l
	renamed.name = name
	return &renamed
}

// SetLevel does nothing: the slog handler has the level.
func (l *Logger) SetLevel(hclog.Level) {}

// GetLevel returns the lowest level that is written.
func (l *Logger) GetLevel() hclog.Level {
	for _, level := range []hclog.Level{hclog.Trace, hclog.Debug, hclog.Info, hclog.Warn, hclog.Error} {
		if l.enabled(slogLevel(level)) {
			return level
		}
	}
	return hclog.Off
}

// StandardLogger returns a standard library logger that writes here.
func (l *Logger) StandardLogger(opts *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l.StandardWriter(opts), "", 0)
}

// StandardWriter returns a writer each of whose writes becomes a message.
func (l *Logger) StandardWriter(*hclog.StandardLoggerOptions) io.Writer {
	return lineWriter{l}
}

type lineWriter struct{ to *Logger }

func (w lineWriter) Write(p []byte) (int, error) {
	w.to.Info(strings.TrimRight(string(p), "\n"))
	return len(p), nil
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
