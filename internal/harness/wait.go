// Package harness runs real bpsc processes on the loopback interface: it
// starts, kills and restarts members, sends transfers with retries by id, and
// keeps book of what was acknowledged. The end-to-end tests share it.
package harness

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// pollEvery is how often a condition is asked again at first: short against a failover,
// long against the work of one request. What takes longer is asked less often, after a
// fiftieth of the time that has gone by, or those who ask keep busy whom they wait for.
const (
	pollEvery  = 5 * time.Millisecond
	pollRarely = 100 * time.Millisecond
)

// errPermanent marks a condition that will never hold.
var errPermanent = errors.New("will not change")

// Permanent makes Until give up at once.
func Permanent(err error) error { return errors.Join(errPermanent, err) }

// Until asks a condition again and again until it answers nil, for at most
// limit. What it answered last is the reason in the error. It is the one place
// where tests wait.
func Until(ctx context.Context, limit time.Duration, what string, condition func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	var last error
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		// When time is up, the answer before says more than "cancelled".
		if last == nil || ctx.Err() == nil {
			last = err
		}
		if errors.Is(err, errPermanent) {
			return fmt.Errorf("%s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s: %w", what, limit, last)
		case <-time.After(min(max(time.Since(began)/50, pollEvery), pollRarely)):
		}
	}
}
