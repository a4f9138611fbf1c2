// Package loadgen sends HTTP/1.1 requests over kept-open connections at a rate, or one after
// the other, and measures how long the answers take. It knows nothing of what the requests
// say. It does the least that is right for each, because it often shares its processors with
// what it measures.
package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Source makes the requests of one connection and checks the answers. One goroutine at a
// time uses it.
type Source interface {
	// Next is the whole text of a request, valid until Next is called again; nil when there
	// are no more.
	Next() []byte
	// Check looks at an answer of success to the request that Next gave last. A *Failure
	// says that it is none after all; any other error ends the run, for whoever answers so
	// cannot be measured.
	Check(status int, body []byte) error
}

// Failure is an answer that says within that what was asked for has not been done.
type Failure struct {
	Code   string
	Effect bool // it may have been done all the same, or in part
}

func (f *Failure) Error() string { return f.Code }

// Options say what to send.
type Options struct {
	// Dial opens connection number i.
	Dial func(ctx context.Context, i int) (net.Conn, error)
	// Source makes that of connection number i.
	Source func(i int) Source

	Connections int
	// Rate is how many requests a second are due, whether or not earlier ones have been
	// answered (open loop); 0 has each connection send its next request when the last one
	// is answered (closed loop).
	Rate     float64
	Warmup   time.Duration // not measured
	Duration time.Duration // measured
	Interval time.Duration // of the points of the result
	Timeout  time.Duration // after which an answer is not waited for any more

	// Units is how many things a request asks for, of which rates are counted.
	Units int
	// Repeatable says that a request sent twice has the effect of one. Then the closed loop
	// sends what may have had an effect again; else nobody may.
	Repeatable bool

	// Begin and End are called when the measured time begins and ends; nil for nothing.
	Begin, End func()
	// Progress is told each point as it comes, those of the warm-up included; nil for nobody.
	Progress func(Point)
}

// Point is one interval of a run.
type Point struct {
	At            time.Duration // its end, since the measured time began; below zero while warming up
	Length        time.Duration
	Rate          float64 // units a second
	P50, P99, Max time.Duration
	Failed        uint64 // requests
}

// Result is what a run has measured.
type Result struct {
	Measured time.Duration // shorter than asked for where sources ran out
	Requests uint64        // answered with success within it
	Units    uint64        // of these
	Points   []Point
	Latency  Latency

	Acknowledged uint64 // units answered with success from the first request to the last, warm-up included
	Unknown      uint64 // units of requests of which nobody knows whether they had an effect
	// Failures counts requests, or attempts at them, by the code of the problem that
	// answered; "connection" and "timeout" where none did.
	Failures map[string]uint64
	Retried  uint64 // attempts after one that failed (closed loop)
	// Unsent is how many requests were due within the measured time and not sent in it,
	// because every connection still waited for an answer (open loop).
	Unsent uint64
}

// What a failure is called where no answer says it.
const (
	FailedConnection = "connection"
	FailedTimeout    = "timeout"
)

// Run sends requests until the time is up or the sources are empty.
func Run(ctx context.Context, o Options) (*Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{Options: o, fail: cancel, record: newRecorder(&o)}
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	r.base = time.Now().Add(o.Warmup)
	r.pace = newPace(&o, time.Now(), r.base.Add(o.Duration))
	over := make(chan struct{})
	go func() {
		defer close(over)
		r.drive(ctx)
	}()
	r.watch(ctx, over)
	<-over
	for _, w := range r.workers {
		w.close()
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	result := r.record.result()
	result.Unsent = r.pace.unsent()
	if result.Requests == 0 {
		return result, fmt.Errorf("%w: %v", ErrNothing, result.Failures)
	}
	return result, nil
}

// ErrNothing: not one request was answered with success in time.
var ErrNothing = errors.New("not one request succeeded in the measured time")

// run is one call of Run.
type run struct {
	Options
	base    time.Time // when the measured time begins
	pace    *pace
	record  *recorder
	workers []*worker
	fail    context.CancelCauseFunc
}

// driveEach has a goroutine drive each connection. It is for where the kernel tells nobody of
// many connections at once, and for what is not plain TCP.
func (r *run) driveEach(ctx context.Context) {
	var workers sync.WaitGroup
	for _, w := range r.workers {
		workers.Go(func() { w.work(ctx) })
	}
	workers.Wait()
}

// connect opens all connections, so that none is opened in the measured time.
func (r *run) connect(ctx context.Context) error {
	for i := range r.Connections {
		w := &worker{run: r, number: i, source: r.Source(i), buf: make([]byte, firstBuffer)}
		conn, err := r.Dial(ctx, i)
		if err != nil {
			for _, opened := range r.workers {
				opened.close()
			}
			return err
		}
		w.conn = conn
		r.workers = append(r.workers, w)
	}
	return nil
}

// now is the time since the measured time began.
func (r *run) now() time.Duration { return time.Since(r.base) }

// watch cuts the run into points, and closes connections whose answer is overdue, until all
// workers are done. It is where the measured time begins and ends for whoever asked.
func (r *run) watch(ctx context.Context, over <-chan struct{}) {
	began, ended := false, false
	begin := time.NewTimer(r.Warmup)
	defer begin.Stop()
	end := time.NewTimer(r.Warmup + r.Duration)
	defer end.Stop()
	tick := time.NewTicker(r.Interval)
	defer tick.Stop()
	finish := func() {
		if !ended {
			ended = true
			r.tell(r.record.finish(min(r.now(), r.Duration)))
			call(r.End)
		}
	}
	for {
		select {
		case <-over:
			finish()
			return
		case <-ctx.Done():
			for _, w := range r.workers {
				w.interrupt()
			}
			<-over
			return
		case <-begin.C:
			began = true
			r.record.begin()
			call(r.Begin)
			tick.Reset(r.Interval)
		case <-end.C:
			finish()
		case <-tick.C:
			if now := r.now(); !ended && now < r.Duration { // the last point is the end's
				r.tell(r.record.cut(now, began))
			}
			r.sweep()
		}
	}
}

func (r *run) tell(p Point) {
	if r.Progress != nil {
		r.Progress(p)
	}
}

// sweep gives up on answers that are overdue. One look at all connections now and then costs
// less than a deadline for each request.
func (r *run) sweep() {
	now := r.now()
	for _, w := range r.workers {
		if sent := time.Duration(w.sent.Load()); sent != idle && now-sent > r.Timeout {
			w.overdue.Store(true)
			w.interrupt()
		}
	}
}

func call(f func()) {
	if f != nil {
		f()
	}
}

// idle stands in worker.sent where no answer is awaited: a time before any run.
const idle = time.Duration(-1 << 63)

// worker is a connection and who drives it. Everything but what is atomic is its own
// goroutine's.
type worker struct {
	*run
	number  int
	source  Source
	request []byte // under way
	buf     []byte // the answer's
	came    int    // bytes of it in buf
	size    int    // bytes that it has; 0 while that is not known

	mu   sync.Mutex // guards conn against interrupt
	conn net.Conn   // or a *rawConn, which only a loop reads and writes

	sent    atomic.Int64 // when the request under way was sent, or idle
	overdue atomic.Bool  // it was given up
}

// interrupt ends whatever waits on the connection.
func (w *worker) interrupt() { w.close() }

func (w *worker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		_ = w.conn.Close() // nothing is left to say on it
	}
}
