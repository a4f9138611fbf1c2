package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// Everybody dies now and then, the leader, other members, followers, those
// behind them too, while everybody writes through everybody and every follower
// keeps a chain of its own. In the end every follower has the members' bytes,
// no acknowledged transfer and no acknowledged information is missing, and
// nothing has happened twice.
func TestKillFollowersAndMembers(t *testing.T) {
	c := startCluster(t, harness.Options{Contract: busy})
	f1 := follow(t, "f1", c.URLs()...)
	f2 := follow(t, "f2", f1.URL)
	f3 := follow(t, "f3", c.Members[0].URL, f1.URL)
	followers := []*harness.Follower{f1, f2, f3}

	seed := seed(t)
	rng := rand.New(rand.NewPCG(seed, 3))
	var owners []*owner
	for _, f := range followers {
		owners = append(owners, startOwner(t.Context(), f))
	}
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: seed, Abandon: 0.1, Attempt: attempt,
		Through: []string{f1.URL, f2.URL, f3.URL}})

	k := killer{c: c, followers: followers, load: load, rng: rng}
	for range rounds(t, 10) {
		if err := load.AwaitMore(t.Context(), 20+rng.IntN(200)); err != nil {
			t.Fatal(err)
		}
		if err := k.round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range followers {
		if err := f.AwaitReady(t.Context(), patience); err != nil {
			t.Fatal(err)
		}
	}
	sent, err := load.Stop()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range owners {
		o.check(t)
	}
	awaitNothingPending(t, c)
	ledger := verifyFollowers(t, c, "", followers...)
	checkSent(t, ledger, sent)
	// A follower's /mine is for its own chain.
	if n := triggers(ledger)["request"]; n != 0 {
		t.Errorf("%d blocks of the members' chain were produced on request, and nobody asked for one", n)
	}
	t.Logf("%d kills; %d blocks on three members and three followers", k.kills, len(ledger.Blocks))
}

// killer ends processes without warning, and starts them again.
type killer struct {
	c         *harness.Cluster
	followers []*harness.Follower
	load      *harness.Load
	rng       *rand.Rand
	kills     int
}

func (k *killer) round(ctx context.Context) error {
	switch k.rng.IntN(5) {
	case 0:
		return k.leader(ctx)
	case 1:
		return k.member(ctx)
	case 2:
		return k.someFollowers(ctx, k.followers...)
	}
	return k.someFollowers(ctx, k.followers[k.rng.IntN(len(k.followers))])
}

func (k *killer) leader(ctx context.Context) error {
	k.kills++
	if _, err := k.c.KillLeader(ctx, k.load); err != nil {
		return err
	}
	return k.backUp(ctx)
}

func (k *killer) member(ctx context.Context) error {
	k.kills++
	if err := k.c.Members[k.rng.IntN(len(k.c.Members))].Kill(); err != nil {
		return err
	}
	return k.backUp(ctx)
}

func (k *killer) backUp(ctx context.Context) error {
	if err := k.load.AwaitMore(ctx, k.rng.IntN(200)); err != nil {
		return err
	}
	return k.c.Start(ctx)
}

// someFollowers does not wait until they are ready: the next kill may find one
// that is catching up.
func (k *killer) someFollowers(ctx context.Context, victims ...*harness.Follower) error {
	for _, f := range victims {
		k.kills++
		if err := f.Kill(); err != nil {
			return err
		}
	}
	if err := k.load.AwaitMore(ctx, k.rng.IntN(300)); err != nil {
		return err
	}
	for _, f := range victims {
		if err := f.Start(); err != nil {
			return err
		}
	}
	return nil
}

// awaitNothingPending waits until the contract's schedule has put every record
// into a block; it asks for none.
func awaitNothingPending(t *testing.T, c *harness.Cluster) {
	t.Helper()
	leader, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = harness.Until(t.Context(), 30*time.Second, "every record is in a block", func(context.Context) error {
		var info struct{ Pending int }
		must(t, http.StatusOK, http.MethodGet, leader.URL+"/v1/contracts/aka", "").json(t, &info)
		if info.Pending > 0 {
			return fmt.Errorf("%d are not", info.Pending)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
