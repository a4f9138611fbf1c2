package cluster

import (
	"errors"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/release"
)

// A member that was away while the others activated a level that it does not know ends
// as soon as it hears of that, and says what to install. Its folder is as good as before.
func TestAMemberThatIsTooOld(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	need := release.For(release.First)
	later := release.Need{Level: release.Newest + 1, Release: "9.0.0"}
	c.tune = func(_ int, cfg *Config) {
		active := need
		cfg.Release = func() release.Standing {
			return release.Standing{Version: "1.2.3", Knows: active.Level, Active: active}
		}
	}
	c.start(2)
	need = later
	c.start(0)
	if err := c.takeFatal(); !errors.Is(err, release.ErrTooOld) || !strings.Contains(err.Error(), "install bpsc 9.0.0 or newer") {
		t.Errorf("fatal: %v", err)
	}
	c.discard(2)
	need = release.For(release.First)
	c.stop(0)
	for i := range 3 {
		c.start(i)
	}
	c.leader()
	waitFor(t, "all say which release they are", func() bool {
		for _, m := range c.members[0].Status().Members {
			if m.Release.Version != "1.2.3" || m.Release.Active != need {
				return false
			}
		}
		return true
	})
}

// Who is to be added learns with the invitation what it must know, and stays what it was.
func TestAnOldMemberIsNotAdded(t *testing.T) {
	t.Parallel()
	c := membersCluster(t, 2, 1)
	tune := c.tune
	c.tune = func(i int, cfg *Config) {
		tune(i, cfg)
		if i == 0 {
			cfg.Release = func() release.Standing {
				return release.Standing{Active: release.Need{Level: release.Newest + 1, Release: "9.0.0"}}
			}
		}
	}
	c.stop(0)
	c.start(0)
	c.leader()
	joiner := c.start(1)
	_, err := c.members[0].Change(testContext(t), Change{Kind: membership.Add, ID: "n2", Addr: c.peers[1].Addr, NonVoter: true})
	if !errors.Is(err, outcome.MemberTooOld) || !strings.Contains(err.Error(), "install bpsc 9.0.0 or newer") {
		t.Errorf("it is added: %v", err)
	}
	if own := joiner.store.dir.Identity(); own.Cluster != "" {
		t.Errorf("it belongs to %s", own.Cluster)
	}
	if members := c.members[0].Configuration().Members; len(members) != 1 {
		t.Errorf("the members are %v", members)
	}
}
