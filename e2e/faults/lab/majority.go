package lab

import (
	"context"
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/rules"
)

// majority tells whether there are members, more than half, that run and reach each other as
// they should. Slow and lossy links count as none.
func (w *World) majority() bool {
	voters := w.present()
	if w.changing != nil {
		// Whether it votes at this moment, and how many others have to, nobody knows: all of
		// them do, and nothing but that it comes or goes is wrong with it.
		return !w.stricken(w.changing) && w.together(w.others(w.changing)) && w.connected(voters)
	}
	n := len(voters)
	for set := range uint(1) << n {
		if bits.OnesCount(set)*2 <= n {
			continue
		}
		var some []int
		for at, i := range voters {
			if set>>at&1 == 1 {
				some = append(some, i)
			}
		}
		if w.together(some) {
			return true
		}
	}
	return false
}

// together tells whether members run, and reach each other.
func (w *World) together(members []int) bool {
	return w.connected(members) && !slices.ContainsFunc(members, func(i int) bool { return len(w.down[w.Cluster.Members[i].ID]) > 0 })
}

// connected tells whether all links between members are whole.
func (w *World) connected(members []int) bool {
	for at, i := range members {
		if slices.ContainsFunc(members[:at], func(j int) bool { return !w.cuts.whole(i, j) }) {
			return false
		}
	}
	return true
}

// note keeps book of when there was no majority. It is called after each change.
func (w *World) note() {
	whole := w.majority()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch now := time.Now(); {
	case !whole && w.since.IsZero():
		w.since = now
	case whole && !w.since.IsZero():
		w.spells = append(w.spells, rules.Spell{From: w.since, To: now})
		w.since = time.Time{}
	}
}

// without are the times without a majority so far.
func (w *World) without() []rules.Spell {
	w.mu.Lock()
	defer w.mu.Unlock()
	spells := slices.Clone(w.spells)
	if !w.since.IsZero() {
		spells = append(spells, rules.Spell{From: w.since, To: time.Now()})
	}
	return spells
}

// looking is how often the members are asked who leads.
const looking = 100 * time.Millisecond

// Watch asks the members who leads, until ctx ends, and tells of elections.
func (w *World) Watch(ctx context.Context) {
	ticker := time.NewTicker(looking)
	defer ticker.Stop()
	for {
		w.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look asks all members at once: one that hangs says nothing of the others.
func (w *World) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 400*time.Millisecond)
	defer cancel()
	var mu sync.Mutex
	var leader string
	var term uint64
	var asking sync.WaitGroup
	for _, m := range slices.Clone(w.Cluster.Members) {
		asking.Go(func() {
			s, err := w.Cluster.State(ctx, m)
			if err != nil || s.Leader != m.ID {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if s.Term > term {
				leader, term = m.ID, s.Term
			}
		})
	}
	asking.Wait()
	w.mu.Lock()
	newer := term > w.term
	if newer {
		w.leader, w.term = leader, term
	}
	w.mu.Unlock()
	if newer {
		w.Tell("election", 0, "%s leads in term %d", leader, term)
	}
}

// leads is who leads as far as anybody has said.
func (w *World) leads() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.leader
}
