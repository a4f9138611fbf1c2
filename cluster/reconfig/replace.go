package reconfig

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/internal/outcome"
)

const (
	// How often a leader looks for the member that is to replace another one.
	searchPeriod = 250 * time.Millisecond

	// How long a replacement stays open after whoever waited for it has gone.
	searchGrace = 10 * time.Second
)

// forReplacement is a state from which a replacement is planned that is open itself.
func forReplacement(s membership.State) membership.State {
	for name, seen := range s.Seen {
		seen.Replacing = false
		s.Seen[name] = seen
	}
	return s
}

// replace looks for the member that is to replace another until ctx ends, and adds it.
// The rest is the promoter's, here or on the next leader. Whoever waits for the same one
// is told the same.
func (ch *Changer) replace(ctx context.Context, c membership.Change, s membership.State) (membership.Changed, error) {
	old := s.Members[slices.IndexFunc(s.Members, func(m membership.Member) bool { return m.ID == c.ID })]
	if c.Addr == "" {
		c.Addr = old.Addr
	}
	steps, err := membership.Plan(s, c)
	if err != nil {
		return membership.Changed{}, err
	}
	for {
		ch.search(c.ID)
		if now := ch.State(); len(now.Members) > len(s.Members) && hasTwo(now, c.ID) {
			return membership.Changed{Index: now.Index, Steps: steps}, nil // another one has found it
		}
		if joiner := ch.meet(ctx, c.Addr); joiner != nil {
			s = forReplacement(ch.State())
			s.Joiner = joiner
			if steps, err = membership.Plan(s, c); err != nil {
				return membership.Changed{}, err
			}
			changed, err := ch.execute(ctx, s, steps)
			if err == nil {
				ch.searched(c.ID)
			}
			return changed, err
		}
		select {
		case <-time.After(searchPeriod):
		case <-ctx.Done():
			return membership.Changed{}, fmt.Errorf("%w: nobody with an empty data folder and the id %s came to %s: %w", outcome.MemberUnreachable, c.ID, c.Addr, ctx.Err())
		}
		if !ch.leads() {
			return membership.Changed{}, fmt.Errorf("%w: this member leads no more", outcome.NoLeader)
		}
	}
}

// hasTwo tells whether a member and its replacement are there.
func hasTwo(s membership.State, id string) bool {
	named := 0
	for _, m := range s.Members {
		if m.ID == id {
			named++
		}
	}
	return named > 1
}

// search notes that a replacement is looked for, and for a while longer: whoever asks
// for it may ask again, and a process that starts in between should find it open.
func (ch *Changer) search(id string) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.searching[id] = time.Now().Add(searchGrace)
}

func (ch *Changer) searched(id string) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	delete(ch.searching, id)
}

// Searches are the members for which this one looks for a replacement.
func (ch *Changer) Searches() (ids []string) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	maps.DeleteFunc(ch.searching, func(_ string, until time.Time) bool { return time.Now().After(until) })
	return slices.Sorted(maps.Keys(ch.searching))
}

// IsReplacing tells whether a replacement of a member is looked for, here or by another
// member that has said so.
func (ch *Changer) IsReplacing(id string) bool {
	return slices.Contains(ch.Searches(), id) || ch.cfg.Gatherer.Searches(id)
}
