package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/memory"
	"github.com/bpsc/bpsc/cluster/port"
)

// fatal ends the member. One that must not come back leaves a mark first, and
// where histories differ the others learn it from this member while it still can
// say so: none of them may go on serving as if it knew what is final.
func (m *Member) fatal(err error) {
	if !errors.Is(err, ErrWentBack) && !errors.Is(err, ErrDiverged) {
		m.failure.report(err)
		return
	}
	if !m.condemned.CompareAndSwap(false, true) {
		return // it ends already; to tell the others leads here again
	}
	m.fitness.Forbid("history", err.Error())
	if markErr := datadir.MarkStopped(m.cfg.Dir, err); markErr != nil {
		m.log.Error("cannot leave a mark that this member has stopped", "error", markErr)
	}
	if errors.Is(err, ErrDiverged) {
		m.warnOthers()
	}
	m.failure.report(err)
}

// WentBack ends this member for good, because whoever uses it has found that it
// has less than it has shown to others.
func (m *Member) WentBack(reason error) { m.fatal(fmt.Errorf("%w: %w", ErrWentBack, reason)) }

// greet meets every other member that is there, so that all of them know of this
// start before it is ready. The gatherer goes on with those that are not.
func (m *Member) greet() {
	defer close(m.greeted)
	m.meetOthers(greetTimeout)
}

// warnOthers lets every other member see that histories differ.
func (m *Member) warnOthers() { m.meetOthers(warnTimeout) }

// meetOthers has a handshake with each of the others, for so long at most.
func (m *Member) meetOthers(limit time.Duration) {
	ctx, cancel := context.WithTimeout(m.ctx, limit)
	defer cancel()
	var calls sync.WaitGroup
	for _, id := range m.cfg.others() {
		calls.Go(func() {
			if conn, err := m.port.Dial(ctx, id); err == nil {
				_ = conn.Close()
			}
		})
	}
	calls.Wait()
}

// judge is the port.Judge of a member.
type judge struct {
	*memory.Memory
	member *Member
}

// Condemn implements port.Judge.
func (j judge) Condemn(err error) { j.member.fatal(err) }

// Told implements port.Judge.
func (j judge) Told(peer string, v port.Verdict) {
	switch v {
	case port.WentBack:
		j.member.log.Error("another member went back in time and ends; this one goes on without it", "member", peer)
	case port.OtherHistory:
		j.member.fatal(fmt.Errorf("%w: so says %s", ErrDiverged, peer))
	}
}
