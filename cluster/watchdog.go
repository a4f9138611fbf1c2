package cluster

import (
	"fmt"
	"sync"
	"time"
)

// watchdog notices what takes too long, by the clock of this process's own
// running time.
//
// A write to disk that does is fatal. A leader whose disk hangs cannot be helped
// from inside: raft's main goroutine is stuck in the write while others go on
// sending heartbeats, so nobody else becomes leader (hashicorp/raft#503). Only
// the end of the process frees the cluster. Giving up on the write with an error
// instead would be worse: it may still happen, after raft has gone on.
//
// A state machine that takes as long makes the member unfit to lead, until it is
// done. It may have a reason, such as a long flush, and a member that follows and
// only applies late harms nobody. But one that does not come back from Apply for
// hangFactor times as long never will, and raft's main goroutine is about to wait
// for it: that is fatal as well.
//
// Safe for concurrent use; check is called by the clock's goroutine.
type watchdog struct {
	limit   time.Duration
	clock   *runClock
	fitness *fitness
	fatal   func(error)

	mu    sync.Mutex
	tasks map[uint64]task // under way
	next  uint64
	dead  bool // fatal was called
}

type task struct {
	what  string
	kind  taskKind
	since time.Duration // by the clock
}

type taskKind int

const (
	diskTask    taskKind = iota // a hang is fatal
	applyTask                   // a hang makes unfit, a longer one is fatal
	machineTask                 // a hang makes unfit
)

// unfitMachine is the key of what the watchdog has against leading.
const unfitMachine = "machine"

func newWatchdog(limit time.Duration, clock *runClock, fit *fitness, fatal func(error)) *watchdog {
	return &watchdog{limit: limit, clock: clock, fitness: fit, fatal: fatal, tasks: map[uint64]task{}}
}

// during runs a write to disk under watch.
func (w *watchdog) during(what string, f func() error) error {
	defer w.end(w.begin(diskTask, what))
	return f()
}

func (w *watchdog) begin(kind taskKind, what string) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next++
	w.tasks[w.next] = task{what: what, kind: kind, since: w.clock.now()}
	return w.next
}

func (w *watchdog) end(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tasks, id)
}

// check looks after the tasks.
func (w *watchdog) check() {
	slow, err := w.late()
	if slow != "" {
		w.fitness.forbid(unfitMachine, fmt.Sprintf("%s takes longer than %v", slow, w.limit))
	} else {
		w.fitness.allow(unfitMachine)
	}
	if err != nil {
		w.fatal(err)
	}
}

// late returns what the state machine takes too long for, and once, what must
// end the process.
func (w *watchdog) late() (slow string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.clock.now()
	for _, t := range w.tasks {
		age := now - t.since
		switch {
		case age <= w.limit:
		case t.kind == diskTask:
			err = fmt.Errorf("cluster: %s takes longer than %v: the disk hangs", t.what, w.limit)
		case t.kind == applyTask && age > hangFactor*w.limit:
			err = fmt.Errorf("cluster: %s takes longer than %v: the state machine hangs", t.what, hangFactor*w.limit)
		default:
			slow = t.what
		}
	}
	if w.dead {
		return slow, nil
	}
	w.dead = err != nil
	return slow, err
}
