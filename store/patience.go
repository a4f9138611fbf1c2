package store

import (
	"log/slog"
	"sync"
	"time"

	"github.com/bpsc/bpsc/internal/durable"
)

// patience is what Pebble lacks where a write in the background fails: it tries
// again at once, thousands of times a second. What is being written is in memory,
// and each try goes to a new file, so nothing is lost by trying, and nothing is
// durable before one succeeds. Safe for use by many goroutines.
type patience struct {
	log   *slog.Logger
	alarm *alarm

	mu    sync.Mutex
	since time.Time // when the trouble began
	last  time.Time // when something failed last
}

// failed is Pebble's BackgroundError. The pause holds up Pebble's next try, and
// for so long whoever needs its lock.
func (p *patience) failed(err error) {
	p.log.Error("the store could not write in the background, and tries again", "error", err.Error()) // Pebble's errors have stack traces
	if _, system := durable.Advice(err); !system {
		return
	}
	if p.out() {
		p.alarm.raiseStuck(&stuck{text: err.Error(), cause: err})
	}
	time.Sleep(retryPause)
}

// out tells whether the trouble has lasted too long.
func (p *patience) out() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.last) > retryGap {
		p.since = now
	}
	p.last = now
	return now.Sub(p.since) > retryFor
}
