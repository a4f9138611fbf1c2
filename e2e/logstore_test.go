package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// The members' logs move to the other store and back, one member after the other, while
// everybody writes; a member is killed at any moment of the start in which it moves its
// log. Nothing is lost, and a member has one log at any time.
func TestTheLogMovesUnderLoad(t *testing.T) {
	c := startCluster(t, harness.Options{Contract: busy, Args: []string{"--log-store", "bolt"}})
	seed := seed(t)
	rng := rand.New(rand.NewPCG(seed, 2))
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 8, Seed: seed, Abandon: 0.1})
	if err := load.AwaitMore(t.Context(), 2000); err != nil { // that a move takes a while
		t.Fatal(err)
	}
	killed := 0
	for _, store := range []string{"wal", "bolt"} {
		for _, m := range c.Members {
			kill(t, &m.Process)
			m.Also("--log-store", store)
			for range 3 {
				start(t, m)
				if _, err := m.AwaitExit(t.Context(), time.Duration(20+rng.IntN(250))*time.Millisecond); err == nil {
					t.Fatalf("%s ended by itself:\n%s", m.ID, m.LogTail(20))
				}
				kill(t, &m.Process)
				killed++
			}
			startAll(t, c)
			has, left := "raft.db", "wal"
			if store == "wal" {
				has, left = left, has
			}
			if _, err := os.Stat(filepath.Join(m.Data, "raft", has)); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(m.Data, "raft", left)); !os.IsNotExist(err) {
				t.Errorf("%s has %s still, %v", m.ID, left, err)
			}
			if err := load.AwaitMore(t.Context(), 100); err != nil {
				t.Fatal(err)
			}
		}
	}
	sent, err := load.Stop()
	if err != nil {
		t.Fatal(err)
	}
	checkSent(t, verifyCluster(t, c, ""), sent)
	t.Logf("%d kills in starts that moved a log, %d transfers", killed, len(sent))
}
