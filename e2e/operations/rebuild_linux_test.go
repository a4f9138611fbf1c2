package operations

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// flipped changes a bit in the middle of each file that matches.
func flipped(pattern string) func(data string) error {
	return func(data string) error {
		paths, err := filepath.Glob(filepath.Join(data, pattern))
		if err != nil || len(paths) == 0 {
			return fmt.Errorf("no file matches %s, %v", pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text[len(text)/2] ^= 0x40
			if err := os.WriteFile(path, text, 0o600); err != nil {
				return err
			}
		}
		return nil
	}
}

// A damaged member is rebuilt by one command while the others go on under load: its
// state from its own snapshots and log, where that is all that is damaged, else all of
// it from the others, by a new member in its place.
func TestADamagedMemberIsRebuilt(t *testing.T) {
	long(t)
	c := startCluster(t, harness.Options{})
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 4, Seed: 4, Attempt: 2 * time.Second})
	must(t, load.AwaitMore(t.Context(), 300))
	first := c.Members[0]
	for _, tc := range []struct {
		what   string
		damage func(data string) error
		anew   bool // by a new member
	}{
		{"the state", flipped("state/db-*/*.sst"), false},
		{"the state's pointer", flipped("state/CURRENT"), false},
		{"the vote", flipped("raft/vote.json"), true},
		{"the log", func(data string) error { return os.Truncate(filepath.Join(data, "raft", "raft.db"), 8192) }, true},
		{"the identity", flipped("raft/identity.json"), true},
	} {
		m := first
		must(t, m.Terminate())
		if code, err := m.AwaitExit(t.Context(), 10*time.Second); err != nil || code != 0 {
			t.Fatal(code, err)
		}
		must(t, tc.damage(m.Data))
		must(t, m.Start())
		if code, err := m.AwaitExit(t.Context(), 10*time.Second); err != nil || code == 0 {
			t.Fatalf("with a damage of %s it ended with %d, %v", tc.what, code, err)
		}
		if said := m.LogTail(30); !strings.Contains(said, "bpsc cluster rebuild --data "+m.Data) {
			t.Errorf("it does not name the command:\n%s", said)
		}
		began := time.Now()
		if tc.anew {
			rebuildAnew(t, c, m)
		} else {
			works(t, c, "cluster", "rebuild", "--data", m.Data)
			must(t, m.Start())
		}
		must(t, c.AwaitReady(t.Context(), 30*time.Second))
		if tc.anew {
			awaitVoters(t, c, "n2 n3 n1") // the new one came last
		}
		t.Logf("%s was damaged; the member is ready again %v after the command", tc.what, time.Since(began).Round(time.Millisecond))
		must(t, load.AwaitMore(t.Context(), 100))
	}
	sent, err := load.Stop()
	must(t, err)
	verifyAll(t, c, sent)
}

// rebuildAnew runs the command, which waits for the member, and starts that again and
// again, as whatever supervises it would.
func rebuildAnew(t *testing.T, c *harness.Cluster, m *harness.Member) {
	t.Helper()
	ended := make(chan said, 1)
	go func() { ended <- bpsc(t, c, "cluster", "rebuild", "--data", m.Data, "--id", m.ID, "--timeout", "1m") }()
	var s said
	until(t, time.Minute, m.ID+" is rebuilt", func(context.Context) error {
		select {
		case s = <-ended:
			return nil
		default:
		}
		if _, err := os.Stat(filepath.Join(m.Data, "state")); !m.Alive() && errors.Is(err, os.ErrNotExist) {
			return errors.Join(m.Start(), errors.New("it has been started"))
		}
		return errors.New("the command has not ended")
	})
	if s.code != 0 {
		t.Fatalf("the command ended with %d", s.code)
	}
}
