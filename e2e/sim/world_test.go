package sim

import (
	"cmp"
	"container/heap"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing/synctest"
	"time"

	"github.com/cespare/xxhash/v2"
)

// world is the one scheduler of a run. Whatever happens between two parts of the
// simulated system is a step: that bytes arrive, a write reaches the disk, a client asks,
// a member is killed. A part posts a step and waits; the world, once every goroutine
// waits, gives what was posted its time, drawn from the seed, and does the step whose
// time comes first. So no two steps happen at once, and none while anybody computes.
//
// One goroutine is the world's: it calls drive, and all that steps do is done by it. mu
// guards posted alone, which any goroutine adds to.
type world struct {
	seed  uint64
	began time.Time
	wake  chan struct{} // token: something was posted

	mu     sync.Mutex
	posted []step

	queue steps
	order uint64
	soon  []countdown
	trace trace
	done  int            // steps
	kinds map[string]int // of steps: how many of each
}

// countdown is what comes after so many more steps, whatever they are.
type countdown struct {
	steps int
	do    func()
}

// after has something done between two steps, the first of which is the nth from now on.
func (w *world) after(n int, do func()) { w.soon = append(w.soon, countdown{n, do}) }

// count is called after each step.
func (w *world) count() {
	var due []func()
	w.soon = slices.DeleteFunc(w.soon, func(c countdown) bool {
		if c.steps == 1 {
			due = append(due, c.do)
		}
		return c.steps == 1
	})
	for i := range w.soon {
		w.soon[i].steps--
	}
	for _, do := range due {
		synctest.Wait()
		do()
	}
}

// step is something that will happen.
type step struct {
	kind  string               // for who asks what a run consists of
	who   string               // whose it is: draws go by it
	n     uint64               // which of who's
	delay func() time.Duration // from when the world hears of it, which asks; nil: none
	do    func()
	what  string

	at    time.Time
	order uint64
}

func newWorld(seed uint64) *world {
	return &world{seed: seed, began: time.Now(), wake: make(chan struct{}, 1), kinds: map[string]int{}, trace: trace{hash: xxhash.New()}}
}

// since is the virtual time since the world began.
func (w *world) since() time.Duration { return time.Since(w.began) }

// draw is a source of numbers that belongs to one thing that may happen: the same ones for
// one seed, in whatever order the things come about.
func (w *world) draw(who string, n uint64) *rand.Rand {
	return rand.New(rand.NewPCG(w.seed, xxhash.Sum64String(who)+n*0x9E3779B97F4A7C15))
}

// post adds a step. Any goroutine may.
func (w *world) post(s step) {
	w.mu.Lock()
	w.posted = append(w.posted, s)
	w.mu.Unlock()
	w.stir()
}

// stir has the world look at what it waits for.
func (w *world) stir() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// drive does one step after the other until the condition holds, for so long at most.
func (w *world) drive(limit time.Duration, until func() bool) bool {
	end := time.Now().Add(limit)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		synctest.Wait()
		w.collect()
		if until() {
			return true
		}
		now := time.Now()
		if len(w.queue) > 0 && !w.queue[0].at.After(now) {
			s := heap.Pop(&w.queue).(step)
			w.done++
			w.kinds[s.kind]++
			w.trace.note(w.since(), s.who, s.what)
			s.do()
			w.count()
			continue
		}
		if !now.Before(end) {
			return false
		}
		next := end
		if len(w.queue) > 0 && w.queue[0].at.Before(end) {
			next = w.queue[0].at
		}
		timer.Reset(next.Sub(now))
		select {
		case <-timer.C:
		case <-w.wake:
		}
	}
}

// collect gives what was posted its time, in an order that does not depend on which
// goroutine came first.
func (w *world) collect() {
	w.mu.Lock()
	fresh := w.posted
	w.posted = nil
	w.mu.Unlock()
	slices.SortStableFunc(fresh, func(a, b step) int { return cmp.Or(cmp.Compare(a.who, b.who), cmp.Compare(a.n, b.n)) })
	now := time.Now()
	for _, s := range fresh {
		w.order++
		s.at, s.order = now, w.order
		if s.delay != nil {
			s.at = now.Add(s.delay())
		}
		heap.Push(&w.queue, s)
	}
}

// steps are those to come, as a heap.
type steps []step

func (q steps) Len() int      { return len(q) }
func (q steps) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q steps) Less(i, j int) bool {
	return cmp.Or(q[i].at.Compare(q[j].at), cmp.Compare(q[i].order, q[j].order)) < 0
}
func (q *steps) Push(s any) { *q = append(*q, s.(step)) }
func (q *steps) Pop() any {
	old := *q
	s := old[len(old)-1]
	old[len(old)-1] = step{}
	*q = old[:len(old)-1]
	return s
}

// tail is how many of the last steps are shown of a run that failed.
const tail = 60

// trace is what has happened: a hash of all, and the last of it in words.
type trace struct {
	hash interface {
		Write([]byte) (int, error)
		Sum64() uint64
	}
	line  []byte    // memory for what is hashed
	out   io.Writer // gets all of it; nil: nobody looks
	last  [tail]event
	count int
	story []event // what is more than a message or a write
}

type event struct {
	at        time.Duration
	who, what string
}

func (e event) String() string { return fmt.Sprintf("%11.6fs %s: %s", e.at.Seconds(), e.who, e.what) }

func (t *trace) note(at time.Duration, who, what string) {
	e := event{at, who, what}
	t.last[t.count%tail] = e
	t.count++
	t.line = strconv.AppendInt(t.line[:0], int64(at), 10)
	for _, text := range []string{" ", who, " ", what, "\n"} {
		t.line = append(t.line, text...)
	}
	_, _ = t.hash.Write(t.line)
	if t.out != nil {
		_, _ = t.out.Write(t.line)
	}
}

// tell is note for what whoever looks for a fault wants to see of all of the run.
func (t *trace) tell(at time.Duration, who, what string) {
	t.note(at, who, what)
	t.story = append(t.story, event{at, who, what})
}

// end is the last steps, in order.
func (t *trace) end() (list []event) {
	for i := max(0, t.count-tail); i < t.count; i++ {
		list = append(list, t.last[i%tail])
	}
	return list
}
