package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// watchdog calls fatal when something takes too long. A leader whose disk hangs
// cannot be helped from inside: raft's main goroutine is stuck in the write
// while others go on sending heartbeats, so nobody else becomes leader
// (hashicorp/raft#503). Only the end of the process frees the cluster. Giving
// up on the write with an error instead would be worse: it may still happen,
// after raft has gone on.
//
// Its goroutine is run, started by the member; it only reads tasks.
type watchdog struct {
	limit time.Duration
	fatal func(error)

	mu    sync.Mutex
	tasks map[uint64]task // under way
	next  uint64
}

type task struct {
	what  string
	since time.Time
}

func newWatchdog(limit time.Duration, fatal func(error)) *watchdog {
	return &watchdog{limit: limit, fatal: fatal, tasks: map[uint64]task{}}
}

// during runs f under watch.
func (w *watchdog) during(what string, f func() error) error {
	id := w.begin(what)
	defer w.end(id)
	return f()
}

func (w *watchdog) begin(what string) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next++
	w.tasks[w.next] = task{what: what, since: time.Now()}
	return w.next
}

func (w *watchdog) end(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tasks, id)
}

// run looks after the tasks until the context ends.
func (w *watchdog) run(ctx context.Context) {
	ticker := time.NewTicker(max(w.limit/8, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if late, ok := w.late(); ok {
				w.fatal(fmt.Errorf("cluster: %s takes longer than %v: the disk hangs", late.what, w.limit))
				return
			}
		}
	}
}

func (w *watchdog) late() (task, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.tasks {
		if time.Since(t.since) > w.limit {
			return t, true
		}
	}
	return task{}, false
}
