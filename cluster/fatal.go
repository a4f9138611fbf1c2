package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/cluster/memory"
	"github.com/bpsc/bpsc/cluster/port"
	"github.com/bpsc/bpsc/internal/identity"
)

// failure is the error for which the member must die, once there is one. Until
// it is armed it only keeps the error: while a member starts, there is a caller
// to tell.
//
// Safe for concurrent use; then is called without the mutex.
type failure struct {
	then func(error) // called with the first error; nil to panic

	mu    sync.Mutex
	armed bool
	err   error
}

// report keeps the first error and, when armed, ends the process by it.
func (f *failure) report(err error) {
	f.mu.Lock()
	first := f.err == nil
	if first {
		f.err = err
	}
	act := first && f.armed
	f.mu.Unlock()
	switch {
	case !act:
	case f.then == nil:
		panic(err)
	default:
		f.then(err)
	}
}

// arm returns what went wrong until now; from now on errors end the process.
func (f *failure) arm() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = true
	return f.err
}

func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// fatal ends the member. One that must not come back leaves a mark first, and
// where histories differ the others learn it from this member while it still can
// say so: none of them may go on serving as if it knew what is final.
func (m *Member) fatal(err error) {
	if !errors.Is(err, ErrWentBack) && !errors.Is(err, ErrDiverged) && !errors.Is(err, ErrRemoved) {
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
		m.greetOthers(warnTimeout)
	}
	m.failure.report(err)
}

// WentBack ends this member for good, because whoever uses it has found that it
// has less than it has shown to others.
func (m *Member) WentBack(reason error) { m.fatal(fmt.Errorf("%w: %w", ErrWentBack, reason)) }

// greetOthers has a handshake with each of the others, for so long at most: at the
// start, so that all that are there know of it before this member is ready, and at
// its end where histories differ, so that each of them sees it.
func (m *Member) greetOthers(limit time.Duration) {
	ctx, cancel := context.WithTimeout(m.ctx, limit)
	defer cancel()
	var calls sync.WaitGroup
	for _, id := range m.others() {
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

// Removed implements port.Judge.
func (j judge) Removed(peer string) bool { return j.member.isBarred(identity.Identity(peer)) }

// Departed implements port.Judge. The last configuration may have a member of that id of
// which the state knows nothing yet. And this member may be behind: one that was away hears from
// those whom it knows that the id was added again since; one that is being fed meets states from
// before it was added, in which all whom it knows may be gone, and judges nobody.
func (j judge) Departed(peer string) bool {
	id, latest := identity.Identity(peer).ID(), j.member.roster.Latest()
	is := func(c membership.Member) bool { return c.ID == id }
	_, added := latest.Member(j.member.name)
	return added && j.member.cfg.Departed != nil && j.member.cfg.Departed(id) &&
		!slices.ContainsFunc(latest.Members, is) && !j.member.gatherer.Vouches(peer, latest.Index)
}

// Answer implements port.Judge.
func (j judge) Answer(q port.Inquiry) port.Reply { return j.member.answerInquiry(q) }

// Position implements port.Judge.
func (j judge) Position(peer string) memory.Position {
	p := j.Memory.Position(peer)
	p.Release = j.member.about()
	return p
}

// Judge implements port.Judge.
func (j judge) Judge(peer string, theirs memory.Position) error {
	if err := theirs.Release.Active.Check(); err != nil {
		return fmt.Errorf("%s has come further: %w", peer, err)
	}
	return j.Memory.Judge(peer, theirs)
}

// Condemn implements port.Judge.
func (j judge) Condemn(err error) { j.member.fatal(err) }

// Rejected implements port.Judge.
func (j judge) Rejected(peer string, v port.Verdict) {
	switch v {
	case port.WentBack:
		j.member.log.Error("another member went back in time and ends; this one goes on without it", "member", peer)
	case port.Removed:
		j.member.fatal(fmt.Errorf("%w: so says %s", ErrRemoved, peer))
	case port.TooOld:
		j.member.log.Error("another member does not know the level that is active, and ends", "member", peer)
	case port.OtherHistory:
		j.member.fatal(fmt.Errorf("%w: so says %s", ErrDiverged, peer))
	}
}
