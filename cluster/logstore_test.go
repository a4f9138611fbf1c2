package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/cluster/datadir"
)

// A member that is to keep its log otherwise moves it when it starts, there and back, and
// has all that it had; the others do not notice. Without a setting it stays where it is.
func TestTheLogMovesToAnotherStore(t *testing.T) {
	if testing.Short() {
		t.Skip("writes and reads whole logs: under the race detector that is dear")
	}
	t.Parallel()
	c := newTestCluster(t, 3)
	c.store = datadir.Bolt
	for i := range 3 {
		c.start(i)
	}
	c.leader()
	ordered := 0
	for round, store := range []datadir.LogStore{datadir.WAL, datadir.Bolt, datadir.WAL} {
		for i := range 3 {
			c.proposeTen(i, fmt.Sprintf("round %d", round))
			ordered += 10
			if round == 1 {
				if err := takeSnapshot(c.members[i]); err != nil {
					t.Fatal(err)
				}
			}
			c.stop(i)
			before, err := Inspect(c.config(i).Dir)
			if err != nil {
				t.Fatal(err)
			}
			c.store = store
			c.start(i)
			if name := c.members[i].LogName(); name != store.Name() {
				t.Errorf("%s has its log in %s", c.peers[i].ID, name)
			}
			other := map[datadir.LogStore]string{datadir.WAL: datadir.LogFile, datadir.Bolt: datadir.WALDir}[store]
			if _, err := os.Stat(filepath.Join(c.config(i).Dir, other)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is still there: %v", other, err)
			}
			c.leader()
			if after := c.members[i].raft.LastIndex(); after < before.Last {
				t.Errorf("the log ended with entry %d, and ends with %d", before.Last, after)
			}
		}
	}
	if n := len(c.sameHistory()); n != ordered {
		t.Errorf("%d requests are in the history, %d were ordered", n, ordered)
	}
	c.stop(0)
	c.tune = func(_ int, cfg *Config) { cfg.LogStore = "" }
	c.start(0)
	if name := c.members[0].LogName(); name != datadir.WALDir {
		t.Errorf("without a setting the log is in %s", name)
	}
}

// A log that cannot be moved, or that is missing, is no reason to begin another one: the
// member does not start, and leaves what is there.
func TestALogThatCannotBeMoved(t *testing.T) {
	t.Parallel()
	for _, from := range datadir.LogStores() {
		for name, spoil := range map[string]func(path string) error{
			"damaged": func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("no log ", 10_000)), 0o600) },
			"missing": os.Remove,
		} {
			t.Run(string(from)+" "+name, func(t *testing.T) {
				c := used(t, from)
				log := filepath.Join(c.config(0).Dir, c.logFile(0))
				if err := spoil(log); err != nil {
					t.Fatal(err)
				}
				for _, to := range datadir.LogStores() {
					c.store = to
					if err := c.open(0); !errors.Is(err, ErrDamaged) {
						t.Errorf("with %s: %v", to, err)
					}
				}
				if has, err := Inspect(c.config(0).Dir); err == nil {
					t.Errorf("there is a log up to entry %d", has.Last)
				}
			})
		}
	}
	cfg := newTestCluster(t, 1).config(0)
	cfg.LogStore = "paper"
	if err := cfg.Validate(); !errors.Is(err, datadir.ErrLogStore) {
		t.Errorf("a store of paper: %v", err)
	}
}

// A member whose end of the log is in conflict with the leader's cuts it off, and after a
// crash right then has what the leader has.
func TestAConflictingEndIsCutOff(t *testing.T) {
	t.Parallel()
	eachLogStore(t, func(t *testing.T, store datadir.LogStore) {
		c := newTestCluster(t, 3)
		c.store = store
		for i := range 3 {
			c.start(i)
		}
		leader := c.leader()
		c.mustPropose(leader, "before")
		c.sameHistory()
		c.cutOff(leader) // what it still writes nobody else gets
		for i := range 20 {
			c.members[leader].raft.Apply([]byte(fmt.Sprintf("%d %s", i, strings.Repeat("x", 500))), 0)
		}
		waitFor(t, "entries that nobody else has", func() bool { return c.members[leader].raft.LastIndex() > 20 })
		c.discard(leader)
		has, err := Inspect(c.config(leader).Dir)
		if err != nil {
			t.Fatal(err)
		}
		c.leader()
		c.proposeTen(c.other(leader), "after")
		c.start(leader)
		history := c.sameHistory()
		c.discard(leader)
		now, err := Inspect(c.config(leader).Dir)
		if err != nil || now.Last >= has.Last && now.Term == has.Term {
			t.Errorf("the log ended with entry %d of term %d, and ends with %d of %d, %v", has.Last, has.Term, now.Last, now.Term, err)
		}
		c.start(leader)
		if again := c.sameHistory(); len(again) != len(history) || len(again) != 11 {
			t.Errorf("%d requests, then %d", len(history), len(again))
		}
	})
}
