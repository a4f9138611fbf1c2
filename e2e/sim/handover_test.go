package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/cluster/membership"
)

// anyVoter is whoever lags least, as where an operator names nobody.
const anyVoter = -1

// handingOver is how long an operator waits for a handover.
const handingOver = 8 * time.Second

// handOver has an operator ask a member to have another one lead. It is not waited for: what
// happens meanwhile happens within it.
func (s *simulation) handOver(i int, f fault) {
	l := s.members[f.On].life
	if l == nil || !l.ready.Load() {
		return
	}
	c := cluster.Change{Kind: membership.TransferLeader}
	if f.To != anyVoter {
		c.ID = memberName(f.To)
	}
	s.change(fmt.Sprintf("handover %d", i), l, c, handingOver, func(err error) {
		if err == nil {
			s.reach("leadership is handed over")
		} else {
			s.reach("a handover is refused, or fails")
		}
	})
}

// change asks a member for a change of the members, and has the world hear what came of it.
func (s *simulation) change(who string, l *life, c cluster.Change, limit time.Duration, done func(error)) {
	s.running.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		began := s.world.since()
		_, err := l.node.Change(ctx, c)
		took := s.world.since() - began
		s.world.post(step{kind: "faults", who: who + "<", what: fmt.Sprintf("%s %s: %t", c.Kind, c.ID, err == nil), do: func() {
			s.world.trace.tell(s.world.since(), who, s.plain(fmt.Sprintf("%v was asked to %s %s: %v", l, c.Kind, c.ID, err)))
			switch {
			case l.over():
				err = context.Canceled // nobody hears of it
			case took > limit+slack && l.broken.Load() == nil:
				s.fail("%s: %v took %v to %s", ruleAnswers, l, took, c.Kind)
			}
			done(err)
		}})
	})
}
