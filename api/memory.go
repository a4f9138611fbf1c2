package api

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"
)

// answers is the memory that large answers may use, all together. A client that
// does not read makes an answer stay, so there is a bound to all and not only to
// each.
type answers struct {
	bytes   *semaphore.Weighted
	reading chan struct{} // a place for each reader that has no room for what it reads yet
}

func newAnswers() answers {
	return answers{bytes: semaphore.NewWeighted(maxAnswerBytes), reading: make(chan struct{}, maxReading)}
}

// errNoRoom is what a client is told for whose answer there is no memory.
var errNoRoom = fmt.Errorf("%w: large answers that others do not read fill the memory", ErrTooManyClients)

// hold keeps room for what read returns, until release. So little is read before
// there is room for it that it does not count.
func (a *answers) hold(ctx context.Context, patience time.Duration, read func() (size int, err error)) (release func(), err error) {
	select {
	case a.reading <- struct{}{}:
	default:
		if !a.awaitReading(ctx, patience) {
			return nil, errNoRoom
		}
	}
	defer func() { <-a.reading }()
	size, err := read()
	if err != nil {
		return nil, err
	}
	return a.room(ctx, patience, size)
}

func (a *answers) awaitReading(ctx context.Context, patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case a.reading <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// room waits for room, until release.
func (a *answers) room(ctx context.Context, patience time.Duration, size int) (release func(), err error) {
	n := int64(min(size, maxAnswerBytes))
	release = func() { a.bytes.Release(n) }
	if a.bytes.TryAcquire(n) {
		return release, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if a.bytes.Acquire(ctx, n) != nil {
		return nil, errNoRoom
	}
	return release, nil
}

// try keeps room for an answer that has been made.
func (a *answers) try(size int) (release func(), ok bool) {
	n := int64(min(size, maxAnswerBytes))
	if size <= smallAnswer {
		return func() {}, true
	}
	return func() { a.bytes.Release(n) }, a.bytes.TryAcquire(n)
}

// reserve is called before w.in or w.out grow by n bytes, on behalf of a client.
// What it takes goes back with w.
func (w *work) reserve(n int) error {
	if !w.pool.bodies.TryAcquire(int64(n)) {
		return fmt.Errorf("%w: the requests of others fill the memory", ErrTooManyClients)
	}
	w.reserved += n
	return nil
}
