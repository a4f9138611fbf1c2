package operations

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// withLongHistory is a cluster each member of which has its blocks in files that its state
// shares with its only snapshot, and a log that begins behind that: what is damaged there no
// member can make anew by itself.
func withLongHistory(t *testing.T, args ...string) *harness.Cluster {
	t.Helper()
	first := startCluster(t, harness.Options{Contract: everyTwenty})
	load := first.StartLoad(t.Context(), harness.LoadOptions{Workers: 16, Seed: 5})
	must(t, load.AwaitMore(t.Context(), 1500))
	_, err := load.Stop()
	must(t, err)
	place := filepath.Join(t.TempDir(), "backups")
	does(t, "backup", "create", "--from", first.Members[0].URL, place)
	must(t, first.KillAll())
	c := restored(t, harness.Options{Args: append(slices.Clone(soon), args...)}, place)
	must(t, c.AwaitReady(t.Context(), 30*time.Second))
	return c
}

// killed kills all members at once.
func killed(t *testing.T, c *harness.Cluster) {
	t.Helper()
	must(t, c.KillAll())
	for _, m := range c.Members {
		if m.Alive() {
			t.Fatalf("%s lives", m.ID)
		}
	}
}

// Two members of three have damage in different blocks, and no snapshot without it. Each
// names the command that mends it; with that the one gets its blocks from the third, which has
// no majority meanwhile, and the other from both. Then blocks rot on all three, and a
// follower has them.
func TestBlocksRotOnTwoMembersAndOnAllThree(t *testing.T) {
	c := withLongHistory(t)
	f, err := harness.NewFollower(harness.FollowerOptions{Binary: binary, Dir: t.TempDir(), ID: "f", Upstreams: c.URLs()})
	must(t, err, f.Start())
	t.Cleanup(func() { _ = f.Kill() })
	must(t, f.AwaitReady(t.Context(), 30*time.Second))
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 4, Seed: 6, Attempt: 2 * time.Second})
	must(t, load.AwaitMore(t.Context(), 100))

	blocks := "state/db-*/*.blob"
	killed(t, c)
	must(t, rotten(blocks, 0.4)(c.Members[0].Data), rotten(blocks, 0.7)(c.Members[1].Data), c.Members[2].Start())
	must(t, c.AwaitServing(t.Context(), c.Members[2]))
	for _, m := range c.Members[:2] {
		command := refuses(t, m, m.Log)
		if s := shell(t, command); s.code != 0 || !strings.Contains(s.out, "mended: block") {
			t.Fatalf("the command of %s does not mend it: %d", m.ID, s.code)
		}
		must(t, m.Start())
		must(t, load.AwaitMore(t.Context(), 50)) // two are a majority
	}
	must(t, c.AwaitReady(t.Context(), 30*time.Second))
	must(t, load.AwaitMore(t.Context(), 100))
	until(t, 20*time.Second, "the follower has what the members have", func(context.Context) error { return f.AwaitReady(t.Context(), time.Second) })

	killed(t, c)
	for _, m := range c.Members {
		must(t, rotten(blocks, 0.5)(m.Data))
	}
	for _, m := range c.Members {
		command := refuses(t, m, m.Log)
		if s := shell(t, command+","+f.URL); s.code != 0 || !strings.Contains(s.out, "mended: block") {
			t.Fatalf("%s is not mended by the follower: %d", m.ID, s.code)
		}
		must(t, m.Start())
	}
	must(t, c.AwaitReady(t.Context(), 30*time.Second))
	must(t, load.AwaitMore(t.Context(), 100))
	sent, err := load.Stop()
	must(t, err)
	verifyAll(t, c, sent)
}

// Two members of three lose their states and snapshots at one time; their logs are sound, and
// have what was acknowledged last. Each gets the state of the third, stays who it is, and
// goes on from there by its own log: nothing that was acknowledged is lost.
func TestTheStatesOfTwoMembersAreLost(t *testing.T) {
	c := withLongHistory(t)
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 4, Seed: 7, Attempt: 2 * time.Second})
	must(t, load.AwaitMore(t.Context(), 200))
	killed(t, c)
	must(t, flipped("state/db-*/*.sst")(c.Members[0].Data), flipped("state/db-*/*.sst")(c.Members[1].Data), c.Members[2].Start())
	must(t, c.AwaitServing(t.Context(), c.Members[2]))
	for _, m := range c.Members[:2] {
		command := refuses(t, m, m.Log)
		if s := shell(t, command); s.code != 0 || !strings.Contains(s.out, "The state of another member is in its place") {
			t.Fatalf("the command of %s does not mend it: %d", m.ID, s.code)
		}
	}
	for _, m := range c.Members[:2] {
		must(t, m.Start())
		must(t, load.AwaitMore(t.Context(), 50)) // two are a majority
	}
	must(t, c.AwaitReady(t.Context(), 30*time.Second))
	must(t, load.AwaitMore(t.Context(), 100))
	sent, err := load.Stop()
	must(t, err)
	_, s := view(t, c)
	for i, m := range s.Members {
		if want := c.Members[i].ID; m.ID != want || voters(s) != "n1 n2 n3" {
			t.Errorf("the members are %+v: none of them is to be another one", s.Members)
		}
	}
	verifyAll(t, c, sent)
}

// What is damaged in a follower's folder, the command in its message mends: blocks in place,
// all else of its state from upstream; its own chain only where that is said.
func TestADamagedFollowerIsRebuilt(t *testing.T) {
	c := startCluster(t, harness.Options{Contract: everyTwenty})
	f, err := harness.NewFollower(harness.FollowerOptions{Binary: binary, Dir: t.TempDir(), ID: "f", Upstreams: c.URLs()})
	must(t, err, f.Start())
	t.Cleanup(func() { _ = f.Kill() })
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 16, Seed: 8})
	must(t, load.AwaitMore(t.Context(), 1500))
	sent, err := load.Stop()
	must(t, err)
	verifyAll(t, c, sent)
	for _, tc := range []struct {
		what, mended string
		damage       func(data string) error
	}{
		{"its blocks", "mended: block", rotten("state/db-*/*.blob", 0.6)},
		{"its state", "built anew", flipped("state/db-*/*.sst")},
		{"the name of its state", "built anew", onEach("state/CURRENT", os.Remove)},
		{"the list of registered nodes", "built anew", onEach("nodes.json", halved)},
		{"its own chain", "built anew", onEach("personal.db", halved)},
	} {
		must(t, f.AwaitReady(t.Context(), 30*time.Second))
		if _, _, err := largest(f.Data, "nodes.json"); err != nil {
			listsNode(t, f)
		}
		must(t, f.Terminate())
		if code, err := f.AwaitExit(t.Context(), 10*time.Second); err != nil || code != 0 {
			t.Fatal(code, err)
		}
		must(t, tc.damage(f.Data))
		command := refuses(t, f, f.Log)
		if s := shell(t, command); s.code != 0 || !strings.Contains(s.out, tc.mended) {
			t.Fatalf("%s: the command does not mend it: %d", tc.what, s.code)
		}
		must(t, f.Start())
	}
	must(t, f.AwaitReady(t.Context(), 30*time.Second))
	var info, theirs struct{ Length int }
	must(t, harness.Get(t.Context(), f.HTTP, f.URL+"/v1/contracts/aka", &info), harness.Get(t.Context(), c.HTTP, c.Members[0].URL+"/v1/contracts/aka", &theirs))
	if info != theirs || info.Length < 70 {
		t.Errorf("it has %d blocks, the members have %d", info.Length, theirs.Length)
	}
	does(t, "chain", "verify", "--server", f.URL)
}

// listsNode puts a node on the follower's list.
func listsNode(t *testing.T, f *harness.Follower) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL+"/nodes/register", strings.NewReader(`{"nodes":["127.0.0.1:1"]}`))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	answer, err := f.HTTP.Do(req)
	must(t, err, answer.Body.Close())
	if answer.StatusCode != http.StatusCreated {
		t.Fatal(answer.Status)
	}
}
