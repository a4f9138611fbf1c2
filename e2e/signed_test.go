package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bpsc/bpsc/e2e/sign"
	"github.com/bpsc/bpsc/internal/harness"
)

const busySchedule = `{"every":"100ms","transactions":25,"empty":false}`

// supplyUnits is what the issuer begins with, in base units.
const supplyUnits = 900_000_000_000_000

// people are wallets with something in them: some closed, some who approve each
// delivery.
func (c *signedCluster) people(t *testing.T) (wallets []sign.Key, funding []spoken) {
	t.Helper()
	for i := range 24 {
		k := sign.NewKey(fmt.Sprintf("wallet %d", i))
		wallets = append(wallets, k)
		const units = 10_000_000_000
		e := c.chain.Sign(c.issuer, payment(k, units))
		d, err := c.insist(t.Context(), i, e)
		if err != nil || d.Kind != "transfer" {
			t.Fatal(d, err)
		}
		funding = append(funding, spoken{Envelope: e, from: c.issuer.Address, to: k.Address, units: units, decision: d})
		switch {
		case i < 3:
			c.done(t, k, fresh("rules", sign.Fields{"receive": "closed"}), "rules")
		case i < 6:
			c.done(t, k, fresh("rules", sign.Fields{"receive": "approve"}), "rules")
		}
	}
	return wallets, funding
}

// The leader of a signed contract dies again and again, while everybody sends
// every envelope through every member at once.
func TestSignedKillTheLeader(t *testing.T) {
	kills := rounds(t, 6)
	c := startSigned(t, busySchedule)
	wallets, funding := c.people(t)
	seed := seed(t)
	rng := rand.New(rand.NewPCG(seed, 3))
	load := &signedLoad{c: c, wallets: wallets}
	load.start(t.Context(), seed, 8)

	var failovers []time.Duration
	for range kills {
		if err := load.awaitMore(t.Context(), 20+rng.IntN(150)); err != nil {
			t.Fatal(err)
		}
		leader, err := c.Leader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		died := time.Now()
		if err := leader.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := load.awaitSince(t.Context(), died); err != nil {
			t.Fatal(err)
		}
		failovers = append(failovers, time.Since(died))
		if err := load.awaitMore(t.Context(), rng.IntN(150)); err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	all, err := load.end()
	if err != nil {
		t.Fatal(err)
	}
	awaitExpired(t, c, all)
	checkModel(t, verifyCluster(t, c.Cluster, ""), newSignedModel(c.issuer.Address, supplyUnits), slices.Concat(funding, all))
	checkStatus(t, c, all)

	slices.Sort(failovers)
	t.Logf("kill -9 of the leader to the first envelope decided by all its senders, %d times: median %s, worst %s",
		kills, failovers[kills/2].Round(time.Millisecond), failovers[kills-1].Round(time.Millisecond))
}

// awaitExpired waits until the holds that were to expire soon have ended.
func awaitExpired(t *testing.T, c *signedCluster, all []spoken) {
	t.Helper()
	for _, s := range all {
		if s.decision.Kind != "hold" || s.until == 0 {
			continue
		}
		err := harness.Until(t.Context(), 20*time.Second, "hold "+s.ID+" ends", func(context.Context) error {
			var hold struct{ Status string }
			must(t, http.StatusOK, http.MethodGet, c.Members[0].URL+"/v1/holds/"+s.ID, "").json(t, &hold)
			if hold.Status == "pending" {
				return fmt.Errorf("it is pending, until %d", s.until)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// checkStatus asks every member what became of what was refused, which is
// remembered, and of some of the others.
func checkStatus(t *testing.T, c *signedCluster, all []spoken) {
	t.Helper()
	asking, ctx := errgroup.WithContext(t.Context())
	asking.SetLimit(16) // reads that are under way together share a round through the cluster
	for i, s := range all {
		if s.decision.Code == "" && i%50 != 0 {
			continue
		}
		for _, m := range c.Members {
			asking.Go(func() error {
				got, err := fate(ctx, m, s.ID)
				if err == nil && !got.same(s.decision) {
					err = fmt.Errorf("%s says of %s %+v, its senders were told %+v", m.ID, s.ID, got, s.decision)
				}
				return err
			})
		}
	}
	if err := asking.Wait(); err != nil {
		t.Error(err)
	}
}

// fate is what a member says of a transaction that was decided.
func fate(ctx context.Context, m *harness.Member, id string) (d decision, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.URL+"/v1/transactions/"+id, nil)
	if err != nil {
		return d, err
	}
	a, err := do(client, req)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s is asked for %s and says %s", m.ID, id, a)
	}
	if err == nil {
		err = json.Unmarshal(a.body, &d)
	}
	return d, err
}

// waiting asks every member which holds wait for a wallet's word.
func (c *signedCluster) waiting(t *testing.T, k sign.Key, want ...string) {
	t.Helper()
	for _, m := range c.Members {
		var page struct {
			Items []struct{ ID string }
		}
		must(t, http.StatusOK, http.MethodGet, m.URL+"/v1/accounts/"+k.Address+"/holds", "").json(t, &page)
		var got []string
		for _, item := range page.Items {
			got = append(got, item.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s says that %v wait for %s, want %v", m.ID, got, k.Address, want)
		}
	}
}

// One envelope, a thousand times at once through three members, happens once;
// so does the answer to a hold.
func TestSignedRetryStorm(t *testing.T) {
	c := startSigned(t, `{}`)
	ann, bob := sign.NewKey("ann"), sign.NewKey("bob")
	c.done(t, c.issuer, payment(ann, 10_000_000), "transfer")
	c.storm(t, c.chain.Sign(ann, payment(bob, 4_000_000)), 1000, "transfer")
	held := fresh("hold", sign.Fields{"recipient": bob.Address, "amount": sign.Units(5_000_000), "hold_until": time.Now().Unix() + 600})
	hold := c.done(t, ann, held, "hold")
	c.waiting(t, bob, hold.ID)
	c.storm(t, c.chain.Sign(bob, fresh("accept", sign.Fields{"hold": hold.ID})), 300, "delivery")
	c.waiting(t, bob)

	// The same envelope twice in a batch, and beside it in another.
	twice := c.chain.Sign(ann, payment(bob, 600_000)).Body
	for round, m := range c.Members {
		replays := 0
		for i, r := range sendBatch(t, m, []string{twice, twice}) {
			if r.Status != "final" {
				t.Errorf("item %d: %+v", i, r)
			}
			if r.Replay {
				replays++
			}
		}
		if want := 2 - min(1, max(0, 1-round)); replays != want {
			t.Errorf("round %d: %d replays, want %d", round, replays, want)
		}
	}
	l := verifyCluster(t, c.Cluster, "")
	if got := l.Balances[ann.Address]; got != 10_000_000-500-4_000_000-5_000_000-600_000 {
		t.Errorf("ann has %d units", got)
	}
	if got := l.Balances[bob.Address]; got != 4_000_000-200+5_000_000-250+600_000-30 {
		t.Errorf("bob has %d units", got)
	}
}

// storm sends an envelope n times at once.
func (c *signedCluster) storm(t *testing.T, e sign.Envelope, n int, kind string) {
	t.Helper()
	decisions, errs := make([]decision, n), make([]error, n)
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			decisions[i], errs[i] = c.insist(t.Context(), i, e)
		})
	}
	close(begin)
	wg.Wait()
	firsts := 0
	for i, d := range decisions {
		if errs[i] != nil || !d.same(decisions[0]) || d.Kind != kind {
			t.Fatalf("sent at once, the same bytes were answered with %+v and %+v, %v", decisions[0], d, errs[i])
		}
		if !d.Replay {
			firsts++
		}
	}
	if firsts != 1 {
		t.Errorf("%d of %d answers say that they were the first", firsts, n)
	}
}

// The demo with wallets is what a newcomer sees of them.
func TestSignedDemo(t *testing.T) {
	out := newScript(t).run(t, 0, "demo", "--wallets", "signed")
	t.Log(out)
	for _, part := range []string{"has expired", "closed wallet", "identical and verified"} {
		if !strings.Contains(out, part) {
			t.Errorf("nothing in it says %q", part)
		}
	}
}
