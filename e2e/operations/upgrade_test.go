package operations

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// Exit codes of bpsc.
const (
	exitFailure = 1
	exitFatal   = 70
)

// The figures that a rolling restart is to keep, by an issue of this project: no request
// fails whose client sends it again, and no second goes by without an acknowledged write.
const longestGap = time.Second

// underLoad runs a procedure while clients write, and checks what they got.
func underLoad(t *testing.T, c *harness.Cluster, what string, procedure func(load *harness.Load)) {
	t.Helper()
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 8, Seed: uint64(time.Now().UnixNano()), Attempt: 2 * time.Second})
	must(t, load.AwaitMore(t.Context(), 100))
	began := time.Now()
	procedure(load)
	took := time.Since(began)
	must(t, load.AwaitMore(t.Context(), 100))
	sent, err := load.Stop()
	must(t, err)
	failed := 0
	for _, s := range sent {
		if !s.Acked {
			failed++
		}
	}
	gap := harness.Gap(sent)
	t.Logf("%s: %v under load, %d requests, %d failed, the longest time without an acknowledged write %v",
		what, took.Round(time.Millisecond), len(sent), failed, gap.Round(time.Millisecond))
	if failed > 0 {
		t.Errorf("%d requests failed for good", failed)
	}
	if gap > longestGap {
		t.Errorf("no write was acknowledged for %v", gap)
	}
	verifyAll(t, c, sent)
}

// restart stops a member in order and starts it again, as a binary if one is given, and
// waits until it serves.
func restart(t *testing.T, c *harness.Cluster, m *harness.Member, binary string) {
	t.Helper()
	must(t, m.Terminate())
	if code, err := m.AwaitExit(t.Context(), 20*time.Second); err != nil || code != 0 {
		t.Fatalf("%s ended with %d, %v\n%s", m.ID, code, err, m.LogTail(20))
	}
	if binary != "" {
		m.Use(binary)
	}
	must(t, m.Start(), c.AwaitReady(t.Context(), 30*time.Second))
}

// Every member is restarted in turn, the leader last, while clients write.
func TestRollingRestart(t *testing.T) {
	long(t)
	c := startCluster(t, harness.Options{})
	underLoad(t, c, "restart of three members", func(load *harness.Load) {
		for _, m := range leaderLast(t, c) {
			restart(t, c, m, "")
			must(t, load.AwaitMore(t.Context(), 50))
		}
	})
}

// leaderLast is the order in which members are restarted: leadership is handed over once.
func leaderLast(t *testing.T, c *harness.Cluster) []*harness.Member {
	t.Helper()
	leader, _ := view(t, c)
	return append(slices.Clone(c.Without(leader).Members), leader)
}

// releases are the present one, but for the format of its database,
// and one to come: 0.2.0 has a second level, on which whoever registers nodes registers
// one more, and the format of the database is what it is today.
type releases struct{ present, next string }

func buildReleases(t *testing.T) releases {
	t.Helper()
	before := harness.Patch{File: "store/level.go",
		Old: "func pebbleFormat(release.Level) pebble.FormatMajorVersion { return pebble.FormatValueSeparation }",
		New: "func pebbleFormat(l release.Level) pebble.FormatMajorVersion {\n\tif l < 3 {\n\t\treturn pebble.FormatTableFormatV6\n\t}\n\treturn pebble.FormatValueSeparation\n}"}
	return releases{
		present: build(t, before),
		next: build(t, append(harness.NextRelease(), before, harness.Patch{File: "node/member_ports.go",
			Old: "\t\tlevel := active().Level\n",
			New: "\t\tlevel := active().Level\n\t\tif level >= 3 {\n\t\t\trequests = command.OnLevel3(requests)\n\t\t}\n"})...),
	}
}

// rogue asks for what is of the third level before that is active.
func rogue() harness.Patch {
	return harness.Patch{File: "node/member_ports.go",
		Old: "\t\tlevel := active().Level\n",
		New: "\t\tlevel := active().Level + 1\n\t\trequests = command.OnLevel3(requests)\n"}
}

func build(t *testing.T, patches ...harness.Patch) string {
	t.Helper()
	binary, err := harness.BuildPatched(t.Context(), t.TempDir(), patches...)
	must(t, err)
	return binary
}

// levels asks a member what it knows of all.
func levels(t *testing.T, c *harness.Cluster, m *harness.Member) (all []string) {
	t.Helper()
	var s struct {
		Members []struct {
			ID, Version string
			Supported   uint64 `json:"level_supported"`
			Active      uint64 `json:"level_active"`
		}
	}
	must(t, harness.Get(t.Context(), c.HTTP, m.URL+"/v1/cluster", &s))
	for _, m := range s.Members {
		all = append(all, fmt.Sprintf("%s %s %d/%d", m.ID, m.Version, m.Active, m.Supported))
	}
	return all
}

func awaitLevels(t *testing.T, c *harness.Cluster, want ...string) {
	t.Helper()
	for _, m := range c.Members {
		until(t, 20*time.Second, m.ID+" knows of all levels", func(context.Context) error {
			if got := levels(t, c, m); !slices.Equal(got, want) {
				return fmt.Errorf("%q, want %q", got, want)
			}
			return nil
		})
	}
}

// register registers a node, and tells whether all members have the one of level 3.
func register(t *testing.T, c *harness.Cluster, node string) (third bool) {
	t.Helper()
	must(t, postNode(t, c, c.Members[0], node))
	for i, m := range c.Members {
		var list struct{ Items []string }
		until(t, 10*time.Second, m.ID+" has "+node, func(ctx context.Context) error {
			list.Items = nil
			err := harness.Get(ctx, c.HTTP, m.URL+"/v1/nodes", &list)
			if err == nil && !slices.Contains(list.Items, node) {
				err = fmt.Errorf("it has %q", list.Items)
			}
			return err
		})
		has := slices.Contains(list.Items, "third.level.example:3")
		if i > 0 && has != third {
			t.Errorf("%s has %q", m.ID, list.Items)
		}
		third = has
	}
	return third
}

func postNode(t *testing.T, c *harness.Cluster, m *harness.Member, node string) error {
	t.Helper()
	resp, err := c.HTTP.Post(m.URL+"/nodes/register", "application/json", strings.NewReader(`{"nodes":["http://`+node+`"]}`))
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s: %s", m.URL, resp.Status)
	}
	return nil
}

// pebbleFormats are those of the members' databases, as the markers in them say.
func pebbleFormats(t *testing.T, c *harness.Cluster) (all []string) {
	t.Helper()
	for _, m := range c.Members {
		markers, err := filepath.Glob(filepath.Join(m.Data, "state", "db-*", "marker.format-version.*"))
		must(t, err)
		newest := ""
		for _, path := range markers {
			newest = max(newest, path) // they are numbered
		}
		all = append(all, strings.TrimPrefix(filepath.Ext(newest), "."))
	}
	return all
}

// The next release, from the first member to the activation, while clients write: back
// to the release before as long as it is not activated, and not after that.
func TestUpgrade(t *testing.T) {
	long(t)
	r := buildReleases(t)
	c := startCluster(t, harness.Options{Binary: r.present})
	n1, n2, n3 := c.Members[0], c.Members[1], c.Members[2]
	awaitLevels(t, c, "n1 0.2.0 2/2", "n2 0.2.0 2/2", "n3 0.2.0 2/2")
	refused(t, c, exitRejected, "level_unsupported", "cluster", "activate", "3")

	all := func(binary string) func(*harness.Load) {
		return func(load *harness.Load) {
			for _, m := range c.Members {
				restart(t, c, m, binary)
				must(t, load.AwaitMore(t.Context(), 50))
			}
		}
	}
	underLoad(t, c, "upgrade of two of three", func(load *harness.Load) {
		restart(t, c, n1, r.next)
		restart(t, c, n2, r.next)
		must(t, load.AwaitMore(t.Context(), 50))
	})
	awaitLevels(t, c, "n1 0.3.0 2/3", "n2 0.3.0 2/3", "n3 0.2.0 2/2")
	for _, m := range c.Members {
		only := &harness.Cluster{Members: []*harness.Member{m}, HTTP: c.HTTP}
		refused(t, only, exitRejected, "level_unsupported", "cluster", "activate", "3")
	}
	if s := bpsc(t, &harness.Cluster{Members: []*harness.Member{n1}, HTTP: c.HTTP}, "cluster", "activate", "3", "--dry-run"); !strings.Contains(s.err, "n3 is bpsc 0.2.0") {
		t.Errorf("it does not say who is old: %s", s.err)
	}

	underLoad(t, c, "upgrade of the third", func(*harness.Load) { restart(t, c, n3, r.next) })
	awaitLevels(t, c, "n1 0.3.0 2/3", "n2 0.3.0 2/3", "n3 0.3.0 2/3")
	if register(t, c, "a.example:1") {
		t.Error("level 3 is at work and not active")
	}
	underLoad(t, c, "rollback of all", all(r.present))
	awaitLevels(t, c, "n1 0.2.0 2/2", "n2 0.2.0 2/2", "n3 0.2.0 2/2")
	if register(t, c, "b.example:1") {
		t.Error("level 3 is at work in a release that does not know it")
	}
	underLoad(t, c, "upgrade of all", all(r.next))

	if got := pebbleFormats(t, c); !slices.Equal(got, []string{"021", "021", "021"}) {
		t.Errorf("formats of the databases before the activation: %q", got)
	}
	if out := works(t, c, "cluster", "activate", "--dry-run"); !strings.Contains(out, "Level 3 would follow level 2; no member could go back behind bpsc 0.3.0") {
		t.Errorf("a dry run says: %s", out)
	}
	awaitLevels(t, c, "n1 0.3.0 2/3", "n2 0.3.0 2/3", "n3 0.3.0 2/3")
	underLoad(t, c, "activation", func(*harness.Load) { works(t, c, "cluster", "activate", "3") })
	awaitLevels(t, c, "n1 0.3.0 3/3", "n2 0.3.0 3/3", "n3 0.3.0 3/3")
	if got := pebbleFormats(t, c); !slices.Equal(got, []string{"024", "024", "024"}) {
		t.Errorf("formats of the databases after the activation: %q", got)
	}
	if !register(t, c, "c.example:1") {
		t.Error("level 3 is active and not at work")
	}
	refused(t, c, exitRejected, "level_active", "cluster", "activate", "2")

	underLoad(t, c, "a downgrade that is refused", func(*harness.Load) { refusesToGoBack(t, c, n3, r) })
	underLoad(t, c, "restart of all after the activation", all(r.next))
}

// refusesToGoBack starts the release before on a member's folder, which says what to
// install, and then the right one again.
func refusesToGoBack(t *testing.T, c *harness.Cluster, m *harness.Member, r releases) {
	t.Helper()
	must(t, m.Terminate())
	_, err := m.AwaitExit(t.Context(), 20*time.Second)
	must(t, err)
	m.Use(r.present)
	must(t, m.Start())
	ended(t, &m.Process, exitFailure, "this bpsc is too old: it is 0.2.0", "install bpsc 0.3.0 or newer", "What to do")
	m.Use(r.next)
	must(t, m.Start(), c.AwaitReady(t.Context(), 30*time.Second))
}

// A member of the next release that keeps to no level puts into the log what the others
// do not know: they stop and name the release, and go on with it from where they are.
func TestAnUnknownRequest(t *testing.T) {
	long(t)
	rogue := build(t, append(harness.NextRelease(), rogue())...)
	c := startCluster(t, harness.Options{})
	n1, n2, n3 := c.Members[0], c.Members[1], c.Members[2]
	restart(t, c, n3, rogue)
	awaitLevels(t, c, "n1 0.2.0 2/2", "n2 0.2.0 2/2", "n3 0.3.0 2/3")
	_ = postNode(t, c, n3, "a.example:1") // nobody may be left to answer
	for _, m := range []*harness.Member{n1, n2} {
		ended(t, &m.Process, exitFatal, "the log holds a request that this version of bpsc does not know", "install bpsc 0.3.0 or newer", "What to do")
		must(t, m.Start())
		ended(t, &m.Process, exitFatal, "install bpsc 0.3.0 or newer") // it comes to the same entry again
		m.Use(rogue)
		must(t, m.Start())
	}
	must(t, c.AwaitReady(t.Context(), 30*time.Second))
	verifyAll(t, c, nil)
}

// A new cluster begins on the newest level; one that is told to activates it by itself.
func TestAutomaticActivation(t *testing.T) {
	long(t)
	r := buildReleases(t)
	fresh := startCluster(t, harness.Options{Binary: r.next})
	awaitLevels(t, fresh, "n1 0.3.0 3/3", "n2 0.3.0 3/3", "n3 0.3.0 3/3")

	c := startCluster(t, harness.Options{Binary: r.present, Args: []string{"--auto-activate", "2s"}})
	underLoad(t, c, "upgrade with --auto-activate", func(*harness.Load) {
		for _, m := range c.Members {
			restart(t, c, m, r.next)
		}
		awaitLevels(t, c, "n1 0.3.0 3/3", "n2 0.3.0 3/3", "n3 0.3.0 3/3")
	})
}

// An old binary cannot join a cluster whose level it does not know.
func TestAnOldBinaryDoesNotJoin(t *testing.T) {
	long(t)
	r := buildReleases(t)
	c := startCluster(t, harness.Options{Binary: r.next})
	awaitLevels(t, c, "n1 0.3.0 3/3", "n2 0.3.0 3/3", "n3 0.3.0 3/3")
	old, err := c.Grow()
	must(t, err)
	old.Use(r.present)
	t.Cleanup(func() { _ = old.Kill() })
	must(t, old.Start(), c.AwaitServing(t.Context(), old))
	three := c.Without(old)
	s := bpsc(t, three, "cluster", "add", old.ID, old.Raft, "--timeout", "20s")
	if s.code == 0 || !strings.Contains(s.err, "install bpsc 0.3.0 or newer (member_too_old)") {
		t.Errorf("an old binary joined, or nobody says why not: %d %s\n%s", s.code, s.err, old.LogTail(20))
	}
	must(t, old.Kill())
	old.Use(r.next)
	must(t, old.Start(), c.AwaitServing(t.Context(), old))
	works(t, three, "cluster", "add", old.ID, old.Raft, "--timeout", "60s")
	awaitVoters(t, c, "n1 n2 n3 n4")
}
