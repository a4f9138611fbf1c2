package cluster

import (
	"context"
	"time"
)

const (
	// How often a member looks whether its time-out suits its machine, and for how long
	// it does not say again that it does not.
	timingPeriod = 10 * time.Second
	timingPause  = 10 * time.Minute

	// A time-out is at least so many times as long as what it must not take for a
	// failure.
	timingMargin = 5
)

// judgeTiming warns when the time-outs are too short for this machine, until ctx ends: by
// how long raft's main goroutine, which answers heartbeats, was kept from taking the next
// message by a write, or by want of a processor.
func (m *Member) judgeTiming(ctx context.Context) {
	tick := time.NewTicker(timingPeriod)
	defer tick.Stop()
	var said time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			slowest := m.transport.Slowest()
			if timingMargin*slowest > m.cfg.HeartbeatTimeout && now.Sub(said) > timingPause {
				said = now
				m.log.Warn("raft was held up for longer than a fifth of the heartbeat time-out: elections may follow. A faster disk, more processors, or a longer --heartbeat on all members helps",
					"longest", slowest.Round(time.Millisecond), "heartbeat", m.cfg.HeartbeatTimeout, "at_least", (timingMargin * slowest).Round(100*time.Millisecond))
			}
		}
	}
}
