package store

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"github.com/bpsc/bpsc/internal/durable"
)

// openDB opens Pebble, without a write-ahead log where a Raft log is the
// durability point: what Pebble has not flushed is applied again from that. A
// batch reaches the disk whole or not at all, so the applied index inside it
// always tells the truth.
//
// What Pebble finds damaged goes to the alarm, whoever was reading.
func openDB(dir string, cfg Config, alarm *alarm) (*pebble.DB, error) {
	cache := pebble.NewCache(cacheBytes)
	defer cache.Unref()
	opts := &pebble.Options{
		Cache:                 cache,
		FS:                    markerFS{cfg.FS},
		DisableWAL:            !cfg.Log,
		MaxOpenFiles:          cfg.Tables,
		ReadOnly:              cfg.ReadOnly,
		MemTableSize:          memTableBytes,
		L0CompactionThreshold: 10, // new ids cost no reads, so fewer merges are the better bargain
		L0StopWritesThreshold: 24,
		FormatMajorVersion:    pebble.FormatNewest,
		Logger:                pebbleLog{cfg.Logger, alarm},
		EventListener: &pebble.EventListener{
			DataCorruption:  func(info pebble.DataCorruptionInfo) { alarm.raise(errors.New(info.String())) },
			BackgroundError: (&patience{log: cfg.Logger, alarm: alarm}).failed,
		},
	}
	// Blocks never change: their bytes go to files of their own, which
	// compactions of the keys leave where they are.
	opts.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{
			Enabled: true, MinimumSize: separateBytes, MaxBlobReferenceDepth: 100,
			RewriteMinimumAge: time.Hour, TargetGarbageRatio: 1,
		}
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
	}
	return pebble.Open(dir, opts)
}

// alarm takes what makes the store untrustworthy to whoever ends the process.
// It is silent until armed: while a store is being opened, damage is an error
// of Open.
type alarm struct {
	dir   string
	armed atomic.Bool
	fatal func(error)
}

func (a *alarm) raise(err error) {
	if a.armed.Load() {
		a.fatal(damaged(a.dir, err))
	}
}

// raiseStuck is for what Pebble cannot go on after. It comes from any goroutine,
// while a store is being opened too, and where the operating system is the cause
// the process ends with its message, not with a panic.
func (a *alarm) raiseStuck(err *stuck) {
	if _, system := durable.Advice(err); system || a.armed.Load() {
		a.fatal(damaged(a.dir, err))
	}
}

// pebbleLog hands Pebble's messages to slog. Pebble's own notes on its work
// are of no interest to an operator.
type pebbleLog struct {
	logger *slog.Logger
	alarm  *alarm
}

func (l pebbleLog) Infof(format string, args ...any) {
	l.logger.Debug(fmt.Sprintf(format, args...), "from", "pebble")
}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.logger.Error("pebble reports trouble", "error", fmt.Sprintf(format, args...))
}

// Fatalf is called where Pebble cannot go on, such as a disk that refuses a
// write; it must not return.
func (l pebbleLog) Fatalf(format string, args ...any) {
	err := &stuck{text: fmt.Sprintf(format, args...)}
	for _, a := range args {
		if cause, ok := a.(error); ok {
			err.cause = cause
		}
	}
	l.alarm.raiseStuck(err)
	panic(err)
}

// stuck is why Pebble cannot go on. Its text has the cause in it already.
type stuck struct {
	text  string
	cause error // nil where Pebble gave none
}

// Error is Pebble's own sentence.
func (e *stuck) Error() string { return "pebble cannot go on: " + e.text }

// Unwrap is the cause, which may be of the operating system.
func (e *stuck) Unwrap() error { return e.cause }
