package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cluster/events"
	"github.com/bpsc/bpsc/cluster/status"
	"github.com/bpsc/bpsc/internal/release"
)

// lookAtLevels is how often the leader looks whether a level can be activated.
const lookAtLevels = time.Second

// standing is what this member tells the others about its release.
func (m *Member) standing() release.Standing {
	return release.Standing{Version: release.Version, Knows: release.Newest, Active: m.store.Level()}
}

// ActivateLevel implements api.LevelSwitch.
func (s memberStatus) ActivateLevel(ctx context.Context, level release.Level, dryRun bool) (api.Activation, error) {
	return s.node.activateLevel(ctx, level, dryRun)
}

// activateLevel puts the cluster on a level, 0 for the newest that all members know, or
// says what that would come to. Each member has to say so now: one that does not answer
// may run what it ran before. The state machine goes by what they have announced, and
// by who the members are then.
func (m *Member) activateLevel(ctx context.Context, level release.Level, dryRun bool) (a api.Activation, err error) {
	members := m.cluster.Status().Members
	active := m.store.Level().Level
	if level == 0 {
		level = max(active, commonLevel(members))
	}
	a = api.Activation{Before: active, Level: level, Release: level.Release(), DryRun: dryRun, Members: memberLevels(members)}
	switch {
	case level == active:
		return a, nil
	case level < active:
		return a, fmt.Errorf("%w: it is %d, and there is no way back to %d", chain.LevelActive, active, level)
	case level > release.Newest:
		return a, fmt.Errorf("%w: this member is bpsc %s, which knows levels up to %d", chain.LevelUnsupported, release.Version, release.Newest)
	}
	if old := without(members, level); len(old) > 0 {
		return a, fmt.Errorf("%w: level %d needs bpsc %s or newer, and %s", chain.LevelUnsupported, level, level.Release(), strings.Join(old, ", "))
	}
	if dryRun {
		return a, nil
	}
	if a.AppliedIndex, err = anyLevel(m.cluster).Activate(ctx, level); err == nil {
		err = m.cluster.WaitApplied(ctx, a.AppliedIndex)
	}
	return a, err
}

func memberLevels(members []status.Member) (levels []api.MemberLevel) {
	for _, p := range members {
		levels = append(levels, api.MemberLevel{ID: p.ID, Version: p.Release.Version, LevelSupported: p.Release.Knows})
	}
	return levels
}

// commonLevel is the newest level that this binary and all members that answer know.
func commonLevel(members []status.Member) release.Level {
	level := release.Newest
	for _, p := range members {
		if p.Role != status.RoleUnreachable {
			level = min(level, p.Release.Knows)
		}
	}
	return level
}

// without says of each member that does not know a level what is known of it.
func without(members []status.Member, level release.Level) (says []string) {
	for _, p := range members {
		switch {
		case p.Role == status.RoleUnreachable:
			says = append(says, p.ID+" does not answer")
		case p.Release.Knows < level:
			says = append(says, fmt.Sprintf("%s is bpsc %s", p.ID, p.Release.Version))
		}
	}
	return says
}

// watchLevels has the leader activate a level by itself: as AutoActivate says, and at
// once while nothing has been recorded, for then there is nothing to go back to.
// Otherwise it says that an operator may.
func (m *Member) watchLevels(ctx context.Context) {
	tick := time.NewTicker(lookAtLevels)
	defer tick.Stop()
	var pending release.Level
	var since time.Time
	active := m.store.Level().Level
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := m.store.Level().Level; now != active {
			active = now
			m.cluster.Note(events.Level, "", fmt.Sprintf("level %d is active: no member can go back behind bpsc %s", now, now.Release()))
		}
		level := m.dueLevel()
		if level != pending {
			pending, since = level, time.Now()
			if level > 0 && !m.unused() {
				m.log.Info("all members know a level that is not active; until it is, they can go back to the release before",
					"level", level, "what to do", m.howToActivate())
			}
		}
		if level == 0 || !m.unused() && (m.cfg.AutoActivate == 0 || time.Since(since) < m.cfg.AutoActivate) {
			continue
		}
		if _, err := m.activateLevel(ctx, level, false); err != nil && !errors.Is(err, context.Canceled) {
			m.log.Warn("a level was not activated", "level", level, "error", err)
		}
	}
}

// dueLevel is the newest level that all members know where that is not active and this
// member leads; else 0.
func (m *Member) dueLevel() release.Level {
	if !m.cluster.IsLeader() {
		return 0
	}
	members := m.cluster.Status().Members
	level := commonLevel(members)
	if level <= m.store.Level().Level || len(without(members, level)) > 0 {
		return 0
	}
	return level
}

// unused tells whether no chain has a record.
func (m *Member) unused() bool {
	return !slices.ContainsFunc(m.store.Contracts(), func(c chain.Info) bool { return c.Records > 0 })
}

func (m *Member) howToActivate() string {
	if m.cfg.AutoActivate > 0 {
		return fmt.Sprintf("nothing: it is activated in %v", m.cfg.AutoActivate)
	}
	return "once the new release has proved itself: bpsc cluster activate"
}
