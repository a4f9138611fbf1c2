package engine

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bpsc/bpsc/internal/durable"
)

// alarm calls Config.Fatal with what makes the database untrustworthy. It is silent until
// armed: while a database is being opened and checked, damage is an error. Pebble raises it
// from any of its goroutines; armed is set once, fatal never changes.
type alarm struct {
	armed atomic.Bool
	fatal func(error)
}

func (a *alarm) raise(err error) {
	if a.armed.Load() {
		a.fatal(err)
	}
}

// raiseStuck is for what Pebble cannot go on after. It comes from any goroutine,
// while a store is being opened too, and where the operating system is the cause
// the process ends with its message, not with a panic.
func (a *alarm) raiseStuck(err *stuck) {
	if _, system := durable.Advice(err); system || a.armed.Load() {
		a.fatal(err)
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

// retryLimit paces and bounds what Pebble does where a write in the background fails:
// it tries again at once, for ever, thousands of times a second. What is being written
// is in memory, and each try goes to a new file, so nothing is lost by trying, and
// nothing is durable before one succeeds. Pebble calls failed from any of its
// goroutines; mu guards since and last, and is not held during the pause.
type retryLimit struct {
	log   *slog.Logger
	alarm *alarm

	mu    sync.Mutex
	since time.Time // when the trouble began
	last  time.Time // when something failed last
}

// failed is Pebble's BackgroundError. The pause holds up Pebble's next try, and
// for so long all who need its lock.
func (p *retryLimit) failed(err error) {
	text := Sentence(err).Error() // Pebble's errors have stack traces
	p.log.Error("the store could not write in the background, and tries again", "error", text)
	if _, system := durable.Advice(err); !system {
		return
	}
	if p.out() {
		p.alarm.raiseStuck(&stuck{text: text, cause: err})
	}
	time.Sleep(retryPause)
}

// out tells whether the trouble has lasted too long.
func (p *retryLimit) out() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.last) > retryGap {
		p.since = now
	}
	p.last = now
	return now.Sub(p.since) > retryFor
}
