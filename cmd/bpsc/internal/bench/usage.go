package bench

import (
	"cmp"
	"context"
	"fmt"
	"syscall"
	"time"
)

// usage is how much processor time everybody has used at a moment.
type usage struct {
	at      time.Time
	self    time.Duration
	members map[string]float64 // seconds, by id
	leader  string
	term    uint64
	err     error
}

// take asks everybody. Itself is asked first at the end and last at the beginning only in so
// far as asking takes a few milliseconds of each.
func (u *usage) take(ctx context.Context, t *target) {
	u.at = time.Now()
	u.self, u.err = ownTime()
	u.members = map[string]float64{}
	for _, m := range t.members {
		seconds, err := t.processorSeconds(ctx, m.URL)
		if err != nil {
			u.err = err
			return
		}
		u.members[m.ID] = seconds
	}
	if err := t.learn(ctx); err != nil {
		u.err = err
		return
	}
	u.leader, u.term = t.leader, t.term
}

// ownTime is what this process has used.
func ownTime() (time.Duration, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
}

// cost is processor time by who used it, in microseconds for each transfer.
type cost struct {
	Generator float64            `json:"generator"`
	Leader    float64            `json:"leader"`
	Others    float64            `json:"other_members"` // together
	Members   map[string]float64 `json:"members"`
	// Seconds is the generator's share in seconds, Busy the processors that all of them kept
	// busy together.
	Seconds float64 `json:"generator_seconds"`
	Busy    float64 `json:"processors_busy"`
}

// costs is the difference between two moments, of so many transfers.
func costs(before, after *usage, transfers uint64) *cost {
	c := &cost{Members: map[string]float64{}, Seconds: (after.self - before.self).Seconds()}
	each := 1e6 / float64(max(transfers, 1))
	c.Generator = c.Seconds * each
	total := c.Seconds
	for id, seconds := range after.members {
		used := seconds - before.members[id]
		total += used
		c.Members[id] = used * each
		if id == cmp.Or(after.leader, before.leader) {
			c.Leader = used * each
		} else {
			c.Others += used * each
		}
	}
	c.Busy = total / after.at.Sub(before.at).Seconds()
	return c
}
