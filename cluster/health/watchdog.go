package health

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Watchdog notices what takes too long, by the clock of this process's own
// running time.
//
// A write to disk that does is fatal, and long before that (slowPart) it makes the
// member unfit to lead: a disk that stands still for seconds may go on, and others
// need not wait for it. A leader whose disk hangs cannot be helped
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
// Safe for concurrent use: mu guards the tasks. One goroutine, the clock's, calls
// Check; fatal is called without the mutex.
type Watchdog struct {
	limit   time.Duration
	clock   *RunClock
	fitness *Fitness
	fatal   func(error)

	mu    sync.Mutex
	tasks map[uint64]task // under way
	next  uint64
	dead  bool // fatal was called
}

// ErrDiskHangs: a write to disk took longer than a member can wait. What was being
// written may be there or not, as after a crash; nothing is known to be damaged.
var ErrDiskHangs = errors.New("the disk hangs")

// slowPart is the part of the limit after which a write to disk is a reason against
// leading.
const slowPart = 4

// hangFactor is how many limits an Apply may take before the process must end.
// Until then the member only does not lead.
const hangFactor = 6

type task struct {
	what  string
	kind  TaskKind
	since time.Duration // by the clock
}

// TaskKind says what follows when a task takes longer than the limit.
type TaskKind int

const (
	diskTask TaskKind = iota // fatal
	// ApplyTask makes the member unfit, and after hangFactor limits ends it.
	ApplyTask
	// SnapshotTask makes the member unfit.
	SnapshotTask
	// LoopTask has no consequence here: what holds raft's main goroutine up is a write
	// or the state machine, which are tasks themselves, or else nothing known. Stuck
	// tells of it.
	LoopTask
)

// The keys of what the watchdog has against leading.
const (
	unfitMachine = "machine"
	unfitDisk    = "disk"
)

// NewWatchdog returns a watchdog for tasks that may take limit. fatal must end the
// process.
func NewWatchdog(limit time.Duration, clock *RunClock, fit *Fitness, fatal func(error)) *Watchdog {
	return &Watchdog{limit: limit, clock: clock, fitness: fit, fatal: fatal, tasks: map[uint64]task{}}
}

// During runs a write to disk under watch.
func (w *Watchdog) During(what string, f func() error) error {
	defer w.End(w.Begin(diskTask, what))
	return f()
}

// Begin notes that a task begins; End ends it, by what Begin returned.
func (w *Watchdog) Begin(kind TaskKind, what string) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next++
	w.tasks[w.next] = task{what: what, kind: kind, since: w.clock.now()}
	return w.next
}

// End notes that a task is done.
func (w *Watchdog) End(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tasks, id)
}

// Check looks after the tasks.
func (w *Watchdog) Check() {
	slow, hangs, err := w.late()
	w.judge(unfitMachine, slow, w.limit, "")
	w.judge(unfitDisk, hangs, w.limit/slowPart, ": "+ErrDiskHangs.Error())
	if err != nil {
		w.fatal(err)
	}
}

// Stuck says what takes so long that the process should be ended from outside if it does
// not end by itself; empty when nothing does. That the clock stands still is among
// it: then nobody would call Check either.
func (w *Watchdog) Stuck() string {
	if silent := w.clock.silent(); silent > w.limit {
		return fmt.Sprintf("the watchdog has not looked for %v", silent.Round(time.Second))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.clock.now()
	for _, t := range w.tasks {
		limit := w.limit
		switch t.kind {
		case SnapshotTask:
			continue
		case ApplyTask, LoopTask:
			limit *= hangFactor
		}
		if now-t.since > limit {
			return fmt.Sprintf("%s takes longer than %v", t.what, limit)
		}
	}
	return ""
}

// judge forbids to lead while something is slow.
func (w *Watchdog) judge(key, slow string, limit time.Duration, why string) {
	if slow == "" {
		w.fitness.Allow(key)
		return
	}
	w.fitness.Forbid(key, fmt.Sprintf("%s takes longer than %v%s", slow, limit, why))
}

// late returns what the state machine takes too long for, which write the disk does,
// and once, what must end the process.
func (w *Watchdog) late() (slow, hangs string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.clock.now()
	for _, t := range w.tasks {
		age := now - t.since
		if t.kind == diskTask && age > w.limit/slowPart {
			hangs = t.what
		}
		switch {
		case age <= w.limit, t.kind == LoopTask:
		case t.kind == diskTask:
			err = fmt.Errorf("cluster: %s takes longer than %v: %w", t.what, w.limit, ErrDiskHangs)
		case t.kind == ApplyTask && age > hangFactor*w.limit:
			err = fmt.Errorf("cluster: %s takes longer than %v: the state machine hangs", t.what, hangFactor*w.limit)
		default:
			slow = t.what
		}
	}
	if w.dead {
		return slow, hangs, nil
	}
	w.dead = err != nil
	return slow, hangs, err
}
