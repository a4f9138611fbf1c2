package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// busy is a contract whose blocks end by count and by time all the while, so
// that leaders die in the middle of it.
const busy = `{"token":"aka","wallets":"open","schedule":{"every":"100ms","transactions":25,"empty":false}}`

// The leader dies again and again while everybody writes through everybody.
func TestKillTheLeader(t *testing.T) {
	c := startCluster(t, harness.Options{Contract: busy})
	seed := seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: seed, Abandon: 0.1})

	var failovers []time.Duration
	for range rounds(t, 10) {
		if err := load.AwaitMore(t.Context(), 20+rng.IntN(300)); err != nil {
			t.Fatal(err)
		}
		failover, err := c.KillLeader(t.Context(), load)
		if err != nil {
			t.Fatal(err)
		}
		failovers = append(failovers, failover)
		// Sometimes the dead has much to catch up, sometimes little.
		if err := load.AwaitMore(t.Context(), rng.IntN(300)); err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stopAndCheck(t, c, load)
	logSpread(t, "kill -9 of the leader to the first acknowledged write", failovers)
}

// All members lose power at once, and again. What was acknowledged was on disk, in either
// store of the log.
func TestKillAllMembers(t *testing.T)        { killAllMembers(t) }
func TestKillAllMembersWithWAL(t *testing.T) { killAllMembers(t, "--log-store", "wal") }

func killAllMembers(t *testing.T, args ...string) {
	c := startCluster(t, harness.Options{Contract: busy, Args: args})
	seed := seed(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: seed, Abandon: 0.1})
	for range 4 {
		if err := load.AwaitMore(t.Context(), 200+rng.IntN(1000)); err != nil {
			t.Fatal(err)
		}
		if err := c.KillAll(); err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stopAndCheck(t, c, load)
}

// The leader hangs for longer than an election takes, and wakes up in the
// belief that it still leads.
func TestPauseTheLeader(t *testing.T) {
	c := startCluster(t, harness.Options{Contract: busy})
	seed := seed(t)
	rng := rand.New(rand.NewPCG(seed, 2))
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: seed, Abandon: 0.1})
	for range 5 {
		if err := load.AwaitMore(t.Context(), 50+rng.IntN(300)); err != nil {
			t.Fatal(err)
		}
		if err := c.PauseLeader(t.Context(), load); err != nil {
			t.Fatal(err)
		}
		if err := c.AwaitReady(t.Context(), 30*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	stopAndCheck(t, c, load)
}
