package e2e

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// The leader's machine is gone without a word: no connection of it is closed, none to it is
// refused, and what is sent to it is lost. Only time-outs tell.
func TestTheLeadersMachineIsLost(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("machines of their own are network namespaces, which root makes")
	}
	hosts, err := harness.NewHosts(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := hosts.Close(); err != nil {
			t.Error(err)
		}
	})
	c := startCluster(t, harness.Options{Contract: busy, Hosts: hosts})
	seed := seed(t)
	rng := rand.New(rand.NewPCG(seed, 4))
	// Senders that do not wait longer for a lost machine than its peers do.
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: seed, Attempt: time.Second})
	var all []time.Duration
	for range 3 {
		if err := load.AwaitMore(t.Context(), 50+rng.IntN(300)); err != nil {
			t.Fatal(err)
		}
		took, lost, err := c.LoseLeader(t.Context(), hosts, load)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, took)
		if err := load.AwaitMore(t.Context(), rng.IntN(30)); err != nil {
			t.Fatal(err)
		}
		if err := hosts.Plug(t.Context(), lost); err != nil {
			t.Fatal(err)
		}
		if err := c.AwaitReady(t.Context(), 30*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	stopAndCheck(t, c, load)
	logSpread(t, "a machine lost to the first acknowledged write", all)
}
