package reconfig

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/internal/outcome"
)

// promotePeriod is how often a leader looks whether a member that was added has caught up: often
// enough for PromoteAfter to be measured in seconds.
const promotePeriod = 250 * time.Millisecond

// Promote does, while this member leads, what follows from changes by itself: members
// that were added get a vote once they have caught up, and of one that was replaced the
// old instance is removed. What a leader leaves undone the next one does. It ends with
// ctx.
func (ch *Changer) Promote(ctx context.Context) {
	tick := time.NewTicker(promotePeriod)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ch.noteLag()
		s := ch.State()
		ch.noteWaits(s)
		if !ch.cfg.Leads() {
			continue
		}
		step, found := membership.Next(s)
		if !found {
			continue
		}
		_, err := ch.execute(ctx, s, []membership.Step{now(step)})
		if err != nil && !errors.Is(err, ErrMadeWay) && !errors.Is(err, outcome.NoLeader) && err.Error() != told {
			told = err.Error()
			ch.cfg.Log.Warn("a change of the members waits", "change", step.What, "error", err)
		}
	}
}

// now is a step that is due.
func now(s membership.Step) membership.Step {
	s.Action.Later = false
	return s
}

// noteWaits notes what members wait for.
func (ch *Changer) noteWaits(s membership.State) {
	var waits map[string]string
	if s.Leader != "" {
		waits = map[string]string{}
		for _, m := range s.Members {
			if why := s.Waits(m); why != "" {
				waits[string(m.Identity())] = why
			}
		}
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.waiting = waits
}

// noteLag notes since when each non-voter lags little.
func (ch *Changer) noteLag() {
	latest := ch.cfg.Latest()
	ch.mu.Lock()
	defer ch.mu.Unlock()
	maps.DeleteFunc(ch.caught, func(name string, _ time.Time) bool {
		m, member := latest.Member(name)
		return !member || m.Voter
	})
	for _, m := range latest.Members {
		name := string(m.Identity())
		there, lag := ch.cfg.Gatherer.Lag(name)
		switch _, counted := ch.caught[name]; {
		case m.Voter:
		case !ch.leads() || !there || lag > ch.cfg.PromoteLag:
			delete(ch.caught, name)
		case !counted:
			ch.caught[name] = time.Now()
		}
	}
}
