package operations

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/internal/harness"
)

// begunAnew is what becomes of a follower that has lost what nobody else has, once somebody has
// said so.
const begunAnew = "it begins anew what nobody else has"

// followerFiles are all files of a follower.
var followerFiles = []wounded{
	{file: "personal.db", flip: is(begunAnew, harmless), cut: is(begunAnew), gone: is(begunAnew), why: "it is in a page that is free", brief: "gone"},
	{file: "policies/*.policy", flip: is(begunAnew), cut: is(begunAnew), gone: is(begunAnew)},
	{file: "policies/*.history", flip: is(begunAnew), cut: is(begunAnew), gone: is(begunAnew)},
	{file: "nodes.json", flip: is(stays), cut: is(stays), gone: is(stays)},
	{file: "known.json", flip: is(stays), cut: is(stays), gone: is(stays)},
	{file: "kept.json", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "all that it lists is there"},
	{file: "checkpoints/*.checkpoint", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "it is asked for again, and compared with the blocks"},
	{file: "LOCK", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "it is locked, and its text is for whoever copies the folder"},
	{file: "state/CURRENT", flip: is(stays), cut: is(stays), gone: is(stays)},
	{file: "state/db-*/*.sst", flip: is(stays), cut: is(stays), gone: is(stays)},
	{file: "state/db-*/*.blob", flip: is(stays), cut: is(stays), gone: is(stays)},
	{file: "state/db-*/MANIFEST-*", flip: is(stays, harmless), cut: is(stays, harmless), gone: is(stays), why: "it ends early, as after a crash, and upstreams have the rest"},
	{file: "state/db-*/*.log", flip: is(stays, harmless), cut: is(stays, harmless), gone: is(stays, harmless), why: "what it lacks upstreams have"},
	{file: "state/db-*/OPTIONS-*", flip: is(stays, harmless), cut: is(stays, harmless), gone: is(stays, harmless), why: "options are the program's"},
	{file: "state/db-*/marker.*", flip: is(harmless), cut: is(harmless), gone: is(stays), why: "what it says is in its name"},
	{file: "state/db-*/LOCK", flip: is(harmless), cut: is(harmless), gone: is(harmless), why: "it is locked, and empty"},
}

// Every kind of damage to every file of a follower: it says which file, serves nothing that is
// wrong, and the command that it names mends it. What nobody else has it never begins anew
// unless somebody says so.
func TestEveryKindOfDamageToAFollower(t *testing.T) {
	all := os.Getenv("BPSC_OPERATIONS") != ""
	s := newSickFollower(t)
	must(t, filepath.WalkDir(s.dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(s.dir, at)
		if !slices.ContainsFunc(followerFiles, func(w wounded) bool { is, _ := path.Match(w.file, filepath.ToSlash(name)); return is }) {
			t.Errorf("no row has %s", name)
		}
		return err
	}))
	for _, w := range followerFiles {
		for name, do := range w.kinds() {
			if all || w.brief == name {
				t.Run(w.file+" "+name, func(t *testing.T) { s.row(t, w, do.damage, do.outcomes) })
			}
		}
	}
}

// sickFollower is a follower whose folder was copied once it had stopped; its upstream goes on.
type sickFollower struct {
	c        *harness.Cluster
	f        *harness.Follower
	dir      string // of the copy
	blocks   [][]byte
	personal [][]byte // its own chain
}

func newSickFollower(t *testing.T) *sickFollower {
	t.Helper()
	c := startCluster(t, harness.Options{Members: 1, Contract: everyTwenty})
	f, err := harness.NewFollower(harness.FollowerOptions{Binary: binary, Dir: t.TempDir(), ID: "f", Upstreams: c.URLs()})
	must(t, err, f.Start())
	t.Cleanup(func() {
		_ = f.Kill()
		if t.Failed() {
			t.Logf("log of the follower:\n%s", f.LogTail(30))
		}
	})
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 8, Seed: 11})
	must(t, load.AwaitMore(t.Context(), 400))
	sent, err := load.Stop()
	must(t, err)
	verifyAll(t, c, sent)
	must(t, f.AwaitReady(t.Context(), 30*time.Second))
	listsNode(t, f)
	keeps(t, f)
	until(t, 20*time.Second, "it has a checkpoint", func(context.Context) error {
		_, err := os.Stat(filepath.Join(f.Data, "checkpoints", "aka.checkpoint"))
		return err
	})
	s := &sickFollower{c: c, f: f, dir: filepath.Join(t.TempDir(), "sound")}
	_, s.blocks = verified(t, c, c.Members[0])
	until(t, 20*time.Second, "it has all blocks", func(ctx context.Context) error {
		return f.AwaitLength(ctx, "", len(s.blocks), time.Second)
	})
	s.personal, err = f.Personal(t.Context())
	must(t, err, f.Terminate())
	if code, err := f.AwaitExit(t.Context(), 20*time.Second); err != nil || code != 0 {
		t.Fatal(code, err)
	}
	must(t, copied(t, f.Data, s.dir))
	return s
}

// keeps puts something on a follower's own chain.
func keeps(t *testing.T, f *harness.Follower) {
	t.Helper()
	for _, call := range []struct{ path, body string }{{"/information/new", `{"information":"mine"}`}, {"/mine", ""}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL+call.path, strings.NewReader(call.body))
		must(t, err)
		req.Header.Set("Content-Type", "application/json")
		answer, err := f.HTTP.Do(req)
		must(t, err, answer.Body.Close())
		if answer.StatusCode >= 300 {
			t.Fatal(answer.Status)
		}
	}
}

func (s *sickFollower) row(t *testing.T, w wounded, damage func(path string) error, outcomes []string) {
	t.Helper()
	f := s.f
	must(t, f.Kill(), os.RemoveAll(f.Data), copied(t, s.dir, f.Data), hurt(f.Data, w.file, damage), os.Truncate(f.Log, 0))
	must(t, f.Start())
	outcome, said := harmless, ""
	until(t, 30*time.Second, "it is ready, or says what to do", func(ctx context.Context) error {
		if !f.Alive() {
			code, err := f.AwaitExit(ctx, time.Second)
			if said = f.LogTail(60); err != nil || code == 0 {
				return harness.Permanent(errors.New(said))
			}
			return nil
		}
		return harness.Get(ctx, f.HTTP, f.URL+"/readyz", nil)
	})
	if said != "" {
		outcome = stays
		names(t, said, f.Data, w.file)
		command := commandIn(t, said)
		if strings.HasSuffix(command, " --anew") {
			outcome = begunAnew
			if s := shell(t, strings.TrimSuffix(command, " --anew")); s.code == 0 {
				t.Error("nobody had said that it is to be begun anew")
			}
		}
		if s := shell(t, command); s.code != 0 {
			t.Fatalf("the command does not mend it: %d", s.code)
		}
		must(t, f.Start())
	}
	must(t, f.AwaitReady(t.Context(), 30*time.Second))
	if !slices.Contains(outcomes, outcome) {
		t.Errorf("%s, want: %s", outcome, strings.Join(outcomes, ", or "))
	}
	must(t, f.AwaitLength(t.Context(), "", len(s.blocks), 30*time.Second))
	blocks, err := f.Chain(t.Context(), "")
	must(t, err)
	_, err = verify.Check(blocks)
	must(t, err)
	if !slices.EqualFunc(blocks[:len(s.blocks)], s.blocks, slices.Equal) {
		t.Error("it serves other blocks")
	}
	personal, err := f.Personal(t.Context())
	must(t, err)
	_, err = verify.Personal(personal)
	must(t, err)
	own := slices.EqualFunc(personal, s.personal, slices.Equal)
	if lost := outcome == begunAnew && w.file == "personal.db"; own == lost {
		t.Errorf("its own chain has %d blocks, it had %d", len(personal), len(s.personal))
	}
}
