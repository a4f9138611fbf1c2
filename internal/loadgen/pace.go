package loadgen

import (
	"context"
	"sync/atomic"
	"time"
)

// pace says when requests are due. Request k of an open loop is due k/rate seconds after the
// start, however long others take: its latency counts from there, so that a stall of the
// server is seen by all requests that it kept waiting and not only by those under way
// (coordinated omission).
type pace struct {
	start, end time.Time
	rate       float64 // 0 is a closed loop
	next       atomic.Int64
	measured   int64 // the first request that is due in the measured time
	total      int64 // requests that are due before the end
}

func newPace(o *Options, start, end time.Time) *pace {
	p := &pace{start: start, end: end, rate: o.Rate}
	if o.Rate > 0 {
		p.measured, p.total = p.dueBy(end.Add(-o.Duration)), p.dueBy(end)
	}
	return p
}

// dueBy is how many requests are due before t.
func (p *pace) dueBy(t time.Time) int64 {
	n := int64(t.Sub(p.start).Seconds() * p.rate)
	for n > 0 && !p.due(n-1).Before(t) {
		n--
	}
	for p.due(n).Before(t) {
		n++
	}
	return n
}

func (p *pace) due(k int64) time.Time {
	return p.start.Add(time.Duration(float64(k) / p.rate * float64(time.Second)))
}

// wait returns when the caller is to send a request, and when it was due: now, in a closed
// loop. It is the last one when there is no more time.
func (p *pace) wait(ctx context.Context, timer *time.Timer) (due time.Time, more bool) {
	now := time.Now()
	if !now.Before(p.end) || ctx.Err() != nil {
		return now, false
	}
	if p.rate == 0 {
		return now, true
	}
	if due, more = p.take(); !more {
		return now, false
	}
	if d := due.Sub(now); d > 0 && !pause(ctx, timer, d) {
		return due, false
	}
	return due, true
}

// take gives out the next request of an open loop: when it is due. There are no more when the
// next one would be due after the end.
func (p *pace) take() (due time.Time, more bool) {
	k := p.next.Add(1) - 1
	if k >= p.total {
		p.giveBack()
		return due, false
	}
	return p.due(k), true
}

// giveBack undoes the last take.
func (p *pace) giveBack() { p.next.Add(-1) }

// unsent is how many requests of the measured time nobody got to.
func (p *pace) unsent() uint64 {
	return uint64(max(0, p.total-max(p.next.Load(), p.measured)))
}

// pause waits, and tells whether it was all of the time.
func pause(ctx context.Context, timer *time.Timer, d time.Duration) bool {
	timer.Reset(d)
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		timer.Stop()
		return false
	}
}
