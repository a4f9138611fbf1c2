package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/release"
)

// wanted is a change of the members that an operator asks for, again and again, until it is
// done. All of it is the world's.
type wanted struct {
	change cluster.Change
	of     *member
	old    identity.Identity // of a replacement: who is to go
	asked  bool              // once; whether it was heard nobody may know
	asking bool
	over   bool
}

const (
	// How long an operator waits for an answer, and before looking again.
	changing = 8 * time.Second
	looking  = 400 * time.Millisecond
	// How long changes take at most once all is healed: a member that was added has to stay
	// caught up for five seconds, and several have to sign who comes next.
	changed = 60 * time.Second
)

// wants has the operator ask for one more change, after those before.
func (s *simulation) wants(c *wanted) {
	s.wanted = append(s.wanted, c)
	s.operate()
}

// operate looks at the change that is next, and asks for it unless somebody is asked.
func (s *simulation) operate() {
	if s.operating {
		return
	}
	for len(s.wanted) > s.changed && (s.wanted[s.changed].over || s.isDone(s.wanted[s.changed])) {
		s.wanted[s.changed].over = true
		s.changed++
	}
	if len(s.wanted) == s.changed {
		return
	}
	c := s.wanted[s.changed]
	s.asks++
	s.ask(c)
	s.operating = true
	s.world.post(step{kind: "faults", who: "operator", n: s.asks, delay: func() time.Duration { return looking }, what: "looks", do: func() {
		s.operating = false
		s.operate()
	}})
}

// ask asks one member after the other.
func (s *simulation) ask(c *wanted) {
	l := s.members[int(s.asks)%len(s.members)].life
	if c.asking || l == nil || !l.ready.Load() || l.member == c.of && c.change.Kind != membership.Remove {
		return
	}
	c.asking, c.asked = true, true
	s.change(fmt.Sprintf("operator %d", s.asks), l, c.change, changing, func(err error) {
		c.asking = false
		if errors.Is(err, outcome.TwoVoters) { // the add before was taken out of the plan
			c.over = true
			s.reach("a change that leaves two voters is refused")
		}
	})
}

// isDone tells whether the members are as wanted, by whoever leads.
func (s *simulation) isDone(c *wanted) bool {
	for _, m := range s.members {
		l := m.life
		if l == nil || !l.ready.Load() || !l.node.Settled() {
			continue
		}
		var there []cluster.ConfiguredMember
		for _, member := range l.node.Configuration().Members {
			if member.ID == c.change.ID {
				there = append(there, member)
			}
		}
		switch c.change.Kind {
		case membership.Remove:
			if len(there) > 0 {
				return false
			}
			c.of.removed = true
		case membership.Replace:
			if len(there) != 1 || there[0].Identity() == c.old || !there[0].Voter {
				return false
			}
		default:
			if len(there) != 1 || !there[0].Voter {
				return false
			}
		}
		s.reach(fmt.Sprintf("members: %s is done", c.change.Kind))
		return true
	}
	return false
}

// settled tells whether all changes are done, and whoever was removed has ended.
func (s *simulation) settled() bool {
	for _, m := range s.members {
		if m.removed && m.life != nil {
			return false
		}
	}
	return s.changed == len(s.wanted)
}

// whyChanging is what is not done.
func (s *simulation) whyChanging() (text string) {
	for _, c := range s.wanted[s.changed:] {
		text += fmt.Sprintf("%s %s; ", c.change.Kind, c.change.ID)
	}
	for _, m := range s.members {
		if m.removed && m.life != nil {
			text += m.name + " was removed and goes on; "
		}
	}
	return text + s.why()
}

// there are the members but for those that have not been added, or were removed and know it.
func (s *simulation) there() (list []*member) {
	for _, m := range s.members {
		if !m.absent {
			list = append(list, m)
		}
	}
	return list
}

// changeMembers lets a change begin. A member that is replaced has lost its disk.
func (s *simulation) changeMembers(f fault) {
	if s.closed {
		return
	}
	m := s.members[f.On]
	switch f.Kind {
	case addMember:
		m.absent, m.joins = false, true
		if err := os.MkdirAll(m.folder, 0o700); err != nil {
			s.fail("the simulation itself: %v", err)
		}
		m.start()
		s.wants(&wanted{of: m, change: cluster.Change{Kind: membership.Add, ID: m.name, Addr: address(m.number)}})
	case removeMember:
		if !m.absent {
			s.wants(&wanted{of: m, change: cluster.Change{Kind: membership.Remove, ID: m.name}})
		}
	case replaceMember:
		if m.absent || m.removed || s.changed < len(s.wanted) {
			return // one disk at a time
		}
		s.kill(m, true)
		if err := errors.Join(os.RemoveAll(m.folder), os.MkdirAll(m.folder, 0o700)); err != nil {
			s.fail("the simulation itself: %v", err)
		}
		m.files, m.joins = vfs.NewCrashableMem(), true
		m.start()
		s.wants(&wanted{of: m, old: m.who, change: cluster.Change{Kind: membership.Replace, ID: m.name}})
	}
}

// dismissed tells whether a life ends because its member was removed, as it should.
func (s *simulation) dismissed(l *life, err error) bool {
	if !errors.Is(err, cluster.ErrRemoved) {
		return false
	}
	for _, c := range s.wanted {
		if c.change.Kind == membership.Remove && c.of == l.member && c.asked {
			return true
		}
	}
	return false
}

// introduces has a member that has joined say by which key it signs, as node does.
func (l *life) introduces(ctx context.Context) {
	for l.announce(ctx) != nil {
		select {
		case <-time.After(looking):
		case <-ctx.Done():
			return
		}
	}
}

var errNotThere = errors.New("the configuration that this member is in has not come yet")

func (l *life) announce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := l.node.Barrier(ctx); err != nil {
		return err
	}
	who := string(l.node.Identity())
	switch known := l.store.Member(who); {
	case known.Since == 0:
		return errNotThere
	case known.Key != "":
		return nil
	}
	key, err := signingKey(who)
	if err != nil {
		return err
	}
	return l.requests().Announce(ctx, command.Announce{Member: who, URL: "http://" + webAddress(l.member.number), Key: key.String(), Level: release.Newest})
}
