package harness

import (
	"context"
	"errors"
	"time"
)

// KillLeader kills the leader under load and returns how long it took from
// there until a transfer was acknowledged that was sent afterwards.
func (c *Cluster) KillLeader(ctx context.Context, l *Load) (time.Duration, error) {
	leader, err := c.Leader(ctx)
	if err != nil {
		return 0, err
	}
	died := time.Now()
	if err := leader.Kill(); err != nil {
		return 0, err
	}
	return l.failover(ctx, died)
}

// PauseLeader stops the leader in its tracks until the others have gone on
// without it, and lets it wake up in the belief that it leads.
func (c *Cluster) PauseLeader(ctx context.Context, l *Load) error {
	leader, err := c.Leader(ctx)
	if err != nil {
		return err
	}
	paused := time.Now()
	if err := leader.Pause(); err != nil {
		return err
	}
	_, err = l.failover(ctx, paused)
	return errors.Join(err, leader.Resume())
}

// failover waits for the first acknowledged transfer whose last attempt began
// after the given moment, and returns how long after it was acknowledged.
func (l *Load) failover(ctx context.Context, since time.Time) (time.Duration, error) {
	var first time.Duration
	err := Until(ctx, 30*time.Second, "a transfer is acknowledged after the kill", func(context.Context) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		// Newest first: all that began before the kill lies behind.
		for i := len(l.sent) - 1; i >= 0 && l.sent[i].ended.After(since); i-- {
			if s := l.sent[i]; s.Acked && s.began.After(since) {
				if d := s.ended.Sub(since); first == 0 || d < first {
					first = d
				}
			}
		}
		if first == 0 {
			return errors.New("none yet")
		}
		return nil
	})
	return first, err
}
