package loadgen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// How long a worker waits before it connects again, and before it sends again what was
// refused by an answer that does not say when to.
const pauseAfterFailure = 10 * time.Millisecond

// work sends requests until there is no more time, or no more of them.
func (w *worker) work(ctx context.Context) {
	timer := stoppedTimer()
	defer timer.Stop()
	w.sent.Store(int64(idle))
	for {
		if w.Rate == 0 { // made before the clock starts
			if w.request = w.source.Next(); w.request == nil {
				return
			}
		}
		due, more := w.pace.wait(ctx, timer)
		if !more {
			return
		}
		if w.Rate > 0 {
			if w.request = w.source.Next(); w.request == nil {
				return
			}
		}
		a, err := w.exchange()
		if !w.resolve(ctx, timer, due, a, err) {
			return
		}
	}
}

// stoppedTimer is one that is to be reset before it is waited for.
func stoppedTimer() *time.Timer {
	t := time.NewTimer(0)
	<-t.C
	return t
}

// resolve does what is to be done after an attempt: it counts it, and in a closed loop sends
// the request again until its outcome is known. It tells whether to go on.
func (w *worker) resolve(ctx context.Context, timer *time.Timer, due time.Time, a answer, err error) bool {
	perhaps := false // an attempt may have had an effect
	for {
		if ctx.Err() != nil {
			return false
		}
		if err == nil && a.status/100 == 2 {
			if a.failure, err = w.succeed(&a, due); err != nil {
				w.fail(err)
				return false
			}
			if a.failure == nil {
				return !a.closes || w.reconnect(ctx, timer, errClosed) == nil
			}
		}
		if a.closes {
			err = errClosed
		}
		wait, again := w.failed(&a, err, &perhaps)
		if again && time.Now().Add(wait).Before(w.pace.end) && pause(ctx, timer, wait) {
			if w.reconnect(ctx, timer, err) != nil {
				break
			}
			w.record.retried()
			a, err = w.exchange()
			continue
		}
		if perhaps {
			w.record.unknown()
		}
		return ctx.Err() == nil && w.reconnect(ctx, timer, err) == nil
	}
	if perhaps {
		w.record.unknown()
	}
	return false
}

// errClosed: the server closes the connection after its answer.
var errClosed = errors.New("closed by the server")

// succeed counts an answer of success, unless it says that it is none.
func (w *worker) succeed(a *answer, due time.Time) (*Failure, error) {
	now := time.Now()
	err := w.source.Check(a.status, a.body)
	if err == nil {
		w.record.success(w.Rate > 0, due.Sub(w.base), now.Sub(due))
		return nil, nil
	}
	if failure := new(Failure); errors.As(err, &failure) {
		return failure, nil
	}
	return nil, fmt.Errorf("an answer of status %d is wrong: %w: %.300q", a.status, err, a.body)
}

// failed counts an attempt that failed, and says whether the request is to be sent again,
// and when.
func (w *worker) failed(a *answer, err error, perhaps *bool) (wait time.Duration, again bool) {
	var code string
	var effect, refused bool
	switch {
	case a.failure != nil:
		code, effect = a.failure.Code, a.failure.Effect
	case a.status != 0:
		code = codeOf(a)
		effect = a.status >= 500 && a.status != 503
		refused = a.status/100 == 4 && a.status != 429
	case w.overdue.Load():
		code, effect = FailedTimeout, true
	default:
		code, effect = FailedConnection, err != nil
	}
	w.record.failure(code)
	*perhaps = *perhaps || effect
	wait = pauseAfterFailure
	if a.retryAfter > 0 {
		wait = a.retryAfter
	}
	return wait, w.Rate == 0 && !refused && (w.Repeatable || !effect)
}

// exchange writes the request and reads its answer.
func (w *worker) exchange() (a answer, err error) {
	w.sent.Store(int64(w.now()))
	defer w.sent.Store(int64(idle))
	if _, err = w.conn.Write(w.request); err != nil {
		return a, err
	}
	for w.came, w.size = 0, 0; ; {
		more, err := w.conn.Read(w.buf[w.came:])
		if err != nil {
			return a, errors.Join(err, io.ErrUnexpectedEOF)
		}
		if a, whole, err := w.take(more); whole || err != nil {
			return a, err
		}
	}
}

// take looks at what has come of an answer, with so many bytes more.
func (w *worker) take(more int) (a answer, whole bool, err error) {
	w.came += more
	if w.came < w.size {
		return a, false, nil
	}
	if a, w.size, err = parse(w.buf[:w.came]); err != nil {
		return a, false, err
	}
	if w.size > 0 && w.came >= w.size {
		return a, true, nil
	}
	if w.came == len(w.buf) || w.size > len(w.buf) {
		grown := make([]byte, max(2*len(w.buf), w.size))
		copy(grown, w.buf[:w.came])
		w.buf = grown
	}
	return a, false, nil
}

// reconnect opens the connection anew after an error, for as long as there is time.
func (w *worker) reconnect(ctx context.Context, timer *time.Timer, after error) error {
	if after == nil {
		return nil
	}
	w.close()
	for {
		conn, err := w.Dial(ctx, w.number)
		if err == nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.conn = conn
			w.overdue.Store(false)
			return nil
		}
		w.record.failure(FailedConnection)
		if !time.Now().Before(w.pace.end) || !pause(ctx, timer, pauseAfterFailure) {
			return err
		}
	}
}
