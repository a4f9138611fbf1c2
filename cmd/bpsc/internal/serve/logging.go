package serve

import (
	"io"
	"log/slog"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/settings"
	"github.com/bpsc/bpsc/internal/logbridge"
)

// logConfig is how a process that serves keeps its log.
type logConfig struct {
	level  string // debug, info, warn or error
	format string // text or json
}

func logSettings(c *logConfig) settings.Table {
	*c = logConfig{level: "info", format: "text"}
	return settings.Table{
		settings.New("log-level", &c.level, "debug, info, warn or error").OneOf("debug", "info", "warn", "error").Live(),
		settings.New("log-format", &c.format, "text or json").OneOf("text", "json"),
	}
}

// Validate says what is wrong with c, by the flag's name.
func (c *logConfig) Validate() error {
	if c.format != "text" && c.format != "json" {
		return cli.ArgError("--log-format must be text or json")
	}
	if new(slog.LevelVar).UnmarshalText([]byte(c.level)) != nil {
		return cli.ArgError("--log-level must be debug, info, warn or error")
	}
	return nil
}

// set sets a level to the one that was asked for.
func (c *logConfig) set(level *slog.LevelVar) { _ = level.UnmarshalText([]byte(c.level)) } // validated

// logger writes lines of a level, which may change.
func (c *logConfig) logger(out io.Writer, level *slog.LevelVar) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if c.format == "json" {
		return slog.New(logbridge.Limit(slog.NewJSONHandler(out, opts)))
	}
	return slog.New(logbridge.Limit(slog.NewTextHandler(out, opts)))
}
